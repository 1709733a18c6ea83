import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { TestStores } from './queue-engines.js';

const program = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
/** Without an .env and without a running Darkroom. */
const nowhere = fileURLToPath(new URL('.', import.meta.url));

export interface CliRun {
  code: number | null;
  stdout: string;
  stderr: string;
  /** What it printed with --json. @throws SyntaxError */
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the test says what it expects
  json: <T = unknown>() => T;
}

/** One command line as its own process, the way a script runs it. */
export async function darkroom(
  args: string[],
  env: Record<string, string | undefined> = {},
  input = '',
): Promise<CliRun> {
  const child = spawn(process.execPath, [program, ...args], {
    cwd: nowhere,
    env: { PATH: process.env['PATH'], ...env },
  });
  // A command that does not read its input may end before it has all of it.
  child.stdin.on('error', () => {}).end(input);
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr, json: () => JSON.parse(stdout) };
}

export function envOf({ databaseUrl, queueUrl }: TestStores): Record<string, string | undefined> {
  return { DATABASE_URL: databaseUrl, QUEUE_URL: queueUrl };
}
