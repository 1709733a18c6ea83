import assert from 'node:assert/strict';
import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, expect } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { about } from '../../support/about.js';
import { promisify } from 'node:util';
import { Client } from 'pg';
import {
  startEmbeddedPostgres,
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
} from '../../../src/infrastructure/embedded/embedded-postgres.js';
import type { EmbeddedPostgresErrorCode } from '../../../src/infrastructure/embedded/embedded-postgres.error.js';
import { identityOf } from '../../../src/infrastructure/embedded/process-table.js';

const run = promisify(execFile);

export const isRoot = process.geteuid?.() === 0;
export const nobody = { uid: 65534, gid: 65534 };

let cleanups: (() => unknown)[] = [];

/** Runs at the end of the test; the last one first, unlike `atTestEnd`. */
export function atEnd(cleanup: () => unknown): void {
  cleanups.push(cleanup);
  if (cleanups.length > 1) return;
  atTestEnd(async () => {
    const all = cleanups.toReversed();
    cleanups = [];
    for (const one of all) await one();
  });
}

export async function temporaryFolder(owner?: typeof nobody): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'embedded-')));
  atEnd(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  if (owner) await chown(folder, owner.uid, owner.gid);
  return folder;
}

let template: Promise<string> | undefined;
// Here and not in makeTemplate(), where it would belong to the test that runs first.
afterAll(async () => template && rm(await template, { recursive: true, force: true }));

/** A data folder that was used before; a copy, as making one takes longer. */
export async function usedFolder(): Promise<string> {
  const folder = await temporaryFolder();
  template ??= makeTemplate();
  await run('cp', ['-a', `${await template}/.`, folder]);
  return folder;
}

async function makeTemplate(): Promise<string> {
  const dataDir = await mkdtemp(join(tmpdir(), 'embedded-template-'));
  const postgres = await startEmbeddedPostgres({ dataDir, database: 'darkroom', durable: false });
  await postgres.stop();
  return dataDir;
}

/** Stopped at the end of the test, if not before. */
export async function start(
  dataDir: string,
  options: Partial<EmbeddedPostgresOptions> = {},
): Promise<EmbeddedPostgres> {
  const settings = { shared_buffers: '16MB', ...options.settings };
  const postgres = await startEmbeddedPostgres({
    dataDir,
    database: 'darkroom',
    durable: false,
    ...options,
    settings,
  });
  atEnd(() => postgres.stop());
  return postgres;
}

export async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: url });
  // The query in progress fails as well.
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows;
  } finally {
    await client.end();
  }
}

/** One sentence with this code: no stack trace, no error name of another program alone. */
export async function fails(
  starting: Promise<unknown>,
  code: EmbeddedPostgresErrorCode,
  message: RegExp,
): Promise<void> {
  await assert.rejects(starting, (error: Error & { code?: string }) => {
    about(error.message, () => expect(error.code).toBe(code));
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/\n\s+at /);
    return true;
  });
}

export async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 300_000;
  while (!(await isTrue())) {
    about(`not in time: ${what}`, () => expect(Date.now()).toBeLessThan(deadline));
    await delay(20);
  }
}

export const isGone = async (pid: number) => (await identityOf(pid)) === undefined;

export type Line = {
  started?: { url: string; pid: number; port: number; firstStart: boolean; runAs: string };
  error?: { code: string; message: string };
  drained?: boolean;
};

export interface Darkroom {
  child: ChildProcess;
  pid: number;
  next(): Promise<Line>;
  kill(signal: NodeJS.Signals): Promise<void>;
}

const program = fileURLToPath(new URL('embedded-process.js', import.meta.url));

/** A process of its own, in a process group of its own. */
export function startProcess(
  dataDir: string,
  account: { uid?: number; gid?: number } = {},
): Darkroom {
  const options = { dataDir, database: 'darkroom', durable: false };
  const child = spawn(process.execPath, [program, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
    cwd: '/',
    ...account,
  });
  assert.ok(child.pid);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'exit');
  const darkroom = {
    child,
    pid: child.pid,
    async next() {
      const { value, done } = await lines.next();
      assert.ok(done !== true, 'the process ended without a word');
      return JSON.parse(value) as Line;
    },
    async kill(signal: NodeJS.Signals) {
      child.kill(signal);
      await ended;
    },
  };
  atEnd(() => (child.exitCode ?? child.signalCode) === null && darkroom.kill('SIGKILL'));
  return darkroom;
}

export async function startedProcess(...args: Parameters<typeof startProcess>) {
  const darkroom = startProcess(...args);
  const { started, error } = await darkroom.next();
  assert.ok(started, error?.message);
  return { ...darkroom, started };
}

/** Why a test that runs as another account cannot run here, or false. */
export function cannotBeNobody(): string | false {
  if (!isRoot) return 'only root can run as another account';
  try {
    const script = 'require("fs").readFileSync(process.argv[1])';
    execFileSync(process.execPath, ['-e', script, program], {
      ...nobody,
      cwd: '/',
      stdio: 'ignore',
    });
    return false;
  } catch {
    return 'this folder is closed to other accounts';
  }
}
