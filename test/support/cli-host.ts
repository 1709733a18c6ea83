import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCli } from '../../src/cli/program.js';

/**
 * A program that runs command lines, one after the other. Loading the code is nearly all that a command costs;
 * here it is loaded once. See warm-cli.ts.
 */

export interface CommandLine {
  args: string[];
  env: Record<string, string | undefined>;
  input: string;
}

export interface CommandEnd {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs one command as if this process had just begun with its arguments. */
async function run({ args, env, input }: CommandLine): Promise<CommandEnd> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const written = Promise.all([text(stdout), text(stderr)]);
  replace({ env, stdin: Readable.from([input]), stdout, stderr });
  process.exitCode = undefined;
  const code = await new Promise<number>((resolve) => {
    replace({ exit: (given?: number) => resolve(given ?? Number(process.exitCode ?? 0)) });
    void runCli(args);
  });
  process.removeAllListeners('SIGINT');
  stdout.end();
  stderr.end();
  const [out, err] = await written;
  return { code, stdout: out, stderr: err };
}

/** What a command finds on `process`. */
function replace(parts: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(parts)) {
    Object.defineProperty(process, name, { value, configurable: true, writable: true });
  }
}

process.on('message', (line: CommandLine) => {
  void run(line).then((end) => process.send!(end));
});
