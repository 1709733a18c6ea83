import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { start, type REPLServer } from 'node:repl';
import { PassThrough, Writable } from 'node:stream';
import { inspect } from 'node:util';
import { hasColours } from '../common/colours.js';
import { CliError } from './exit.js';

type WriteValue = (value: unknown) => string;

/**
 * Reads, evaluates and prints until the input ends.
 *
 * @param write makes a line of a value
 * @throws CliError when a script from a pipe throws; the lines after that do not run
 */
export async function openRepl(
  scope: Record<string, unknown>,
  write: WriteValue = (value) => inspect(value, { colors: hasColours(process.stdout), depth: 4 }),
): Promise<void> {
  await (process.stdin.isTTY ? atTerminal(scope, write) : fromPipe(scope, write));
}

async function atTerminal(scope: Record<string, unknown>, writer: WriteValue): Promise<void> {
  const repl = start({ prompt: 'darkroom> ', useGlobal: true, ignoreUndefined: true, writer });
  Object.assign(repl.context, scope);
  await once(repl, 'exit');
}

/** The value before any line has thrown. */
const nothing = Symbol('nothing');

async function fromPipe(scope: Record<string, unknown>, writer: WriteValue): Promise<void> {
  const input = new PassThrough();
  const output = new LineOutput();
  const repl = start({
    prompt: '',
    input,
    output,
    terminal: false,
    useGlobal: true,
    ignoreUndefined: true,
    writer,
  });
  Object.assign(repl.context, scope);
  const errors = repl as unknown as { lastError: unknown };
  errors.lastError = nothing;
  const ended = once(repl, 'exit');
  const ready = prompts(repl);
  let exited = false;
  void ended.then(() => (exited = true));
  for await (const line of createInterface({ input: process.stdin })) {
    input.write(`${line}\n`);
    // The REPL itself would not wait for an await.
    await Promise.race([ready.next(), ended]);
    const text = output.take(repl.getPrompt());
    if (errors.lastError !== nothing) throw new CliError(text.trim());
    process.stdout.write(text);
    if (exited) return;
  }
  if (repl.getPrompt() !== '') throw new CliError('The script ends inside a statement.');
  input.end();
  await ended;
}

/** Yields once for each line that has ended. */
function prompts(repl: REPLServer): AsyncIterator<unknown> {
  const shown = new PassThrough({ objectMode: true });
  const show = repl.displayPrompt.bind(repl);
  repl.displayPrompt = (...args) => {
    show(...args);
    shown.write(true);
  };
  return shown[Symbol.asyncIterator]();
}

/** Holds back what a line prints until it is known whether that is an error. */
class LineOutput extends Writable {
  private text = '';

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(chunk: string | Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }

  /** @param prompt of the next line, which is not shown */
  take(prompt: string): string {
    const shown = this.text.endsWith(prompt) ? prompt.length : 0;
    const text = this.text.slice(0, this.text.length - shown);
    this.text = '';
    return text;
  }
}
