import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { start, type REPLServer } from 'node:repl';
import { PassThrough } from 'node:stream';
import { inspect } from 'node:util';

/** Reads, evaluates and prints until the input ends. @param write makes a line of a value */
export async function openRepl(
  scope: Record<string, unknown>,
  write: (value: unknown) => string = (value) =>
    inspect(value, { colors: process.stdout.isTTY, depth: 4 }),
): Promise<void> {
  const terminal = process.stdin.isTTY;
  const input = terminal ? process.stdin : new PassThrough();
  const repl = start({
    prompt: terminal ? 'darkroom> ' : '',
    input,
    output: process.stdout,
    terminal,
    useGlobal: true,
    ignoreUndefined: true,
    writer: write,
  });
  Object.assign(repl.context, scope);
  const ended = once(repl, 'exit');
  if (input instanceof PassThrough) void feed(repl, input);
  await ended;
}

/** A line of a pipe when the one before it is over; the REPL itself would not wait for an await. */
async function feed(repl: REPLServer, input: PassThrough): Promise<void> {
  const prompts = new PassThrough({ objectMode: true });
  const show = repl.displayPrompt.bind(repl);
  repl.displayPrompt = (...args) => {
    show(...args);
    prompts.write(true);
  };
  const ready = prompts[Symbol.asyncIterator]();
  for await (const line of createInterface({ input: process.stdin })) {
    input.write(`${line}\n`);
    await ready.next();
  }
  input.end();
}
