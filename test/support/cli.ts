import { expect, it } from '@jest/globals';
import { about } from './about.js';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { lightly } from './processes.js';
import type { QueueEngineName, TestStores } from './queue-engines.js';
import { otherKeys } from './snake-case.js';

const program = fileURLToPath(new URL('../../src/cli.js', import.meta.url));
/** Without an .env and without a running Darkroom. */
export const nowhere = fileURLToPath(new URL('.', import.meta.url));

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
  const child = spawn(process.execPath, [...lightly, program, ...args], {
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
  return cliRun(args, { code, stdout, stderr });
}

export function cliRun(args: string[], end: Omit<CliRun, 'json'>): CliRun {
  if (args.includes('--json') && args[0] !== 'shell') assertSnakeCase(args, end.stdout);
  return { ...end, json: () => JSON.parse(end.stdout) };
}

/** For what knows no queue engine: each command is a process, and takes its time. */
export function onceFor(engine: QueueEngineName) {
  return (name: string, test: () => Promise<void>) => {
    if (engine === 'postgres') it(name, test);
  };
}

export function envOf({ databaseUrl, queueUrl }: TestStores): Record<string, string | undefined> {
  return { DATABASE_URL: databaseUrl, QUEUE_URL: queueUrl };
}

/** One value, or one in each line. */
function assertSnakeCase(args: string[], stdout: string): void {
  const values = /^\{.*\}$/m.test(stdout) ? stdout.trim().split('\n') : [stdout || 'null'];
  for (const value of values) {
    about(`keys of darkroom ${args.join(' ')}`, () =>
      expect(otherKeys(JSON.parse(value))).toEqual([]),
    );
  }
}
