import { describe, expect, it } from '@jest/globals';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from '../../../src/infrastructure/embedded/free-port.js';
import { postgresBinaries } from '../../../src/infrastructure/embedded/postgres-binaries.js';
import { findLauncher } from '../../../src/infrastructure/embedded/run-as.js';
import { readPostmasterFile } from '../../../src/infrastructure/embedded/postmaster-file.js';
import {
  atEnd,
  fails,
  isGone,
  query,
  start,
  startProcess,
  startedProcess,
  temporaryFolder,
  usedFolder,
  until,
} from './embedded.support.js';

/** Postgres in this folder without a Darkroom. */
async function stray(folder: string, ...settings: string[]) {
  const binaries = await postgresBinaries(join(folder, 'libraries'));
  const launcher = await findLauncher(binaries, folder);
  const cluster = join(folder, 'cluster');
  const port = await freePort(undefined);
  const local = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories='];
  const all = [...local, ...settings];
  const args = ['-D', cluster, ...all.flatMap((setting) => ['-c', setting])];
  const child = spawn(...launcher.command(binaries.postgres, args), {
    env: launcher.env,
    stdio: 'ignore',
  });
  const ready = async () => (await readPostmasterFile(cluster))?.isReady === true;
  await until('the stray Postgres is ready', ready);
  assert.ok(child.pid);
  return { child, pid: child.pid };
}

describe('embedded Postgres after a crash', () => {
  it('ends with its Darkroom, even one killed by force', async () => {
    const folder = await usedFolder();
    const first = await startedProcess(folder);
    await query(first.started.url, 'CREATE TABLE kept AS SELECT 42 AS n');
    await first.kill('SIGKILL');
    if (process.platform === 'linux') {
      await until('Postgres is gone', () => isGone(first.started.pid));
    }
    const second = await start(folder);
    expect(second.url).toBe(first.started.url);
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([[42]]);
  });

  it('starts when both were killed by force at once', async () => {
    const folder = await usedFolder();
    const first = await startedProcess(folder);
    await query(first.started.url, 'CREATE TABLE kept AS SELECT 42 AS n');
    process.kill(first.started.pid, 'SIGKILL');
    await first.kill('SIGKILL');
    const second = await start(folder);
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([[42]]);
  });

  it('starts when the kill left backends in the middle of a query', async () => {
    const folder = await usedFolder();
    const first = await startedProcess(folder);
    const endless = 'SELECT count(*) FROM generate_series(1, 100000000000)';
    const running = expect(query(first.started.url, endless)).rejects.toThrow();
    const busy = `SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%series%' AND pid <> pg_backend_pid()`;
    const isBusy = async () => (await query(first.started.url, busy)).length > 0;
    await until('the query runs', isBusy);
    process.kill(first.started.pid, 'SIGKILL');
    await first.kill('SIGKILL');
    const second = await start(folder);
    expect(await query(second.url, 'SELECT 1')).toEqual([[1]]);
    await running;
  });

  it('starts when another program has the pid of the dead Postgres', async () => {
    const folder = await usedFolder();
    const first = await startedProcess(folder);
    const file = join(folder, 'cluster', 'postmaster.pid');
    const lines = (await readFile(file, 'utf8')).split('\n');
    process.kill(first.started.pid, 'SIGKILL');
    await first.kill('SIGKILL');
    const other = spawn('sleep', ['600'], { stdio: 'ignore' });
    atEnd(() => other.kill('SIGKILL'));
    await writeFile(file, [other.pid, ...lines.slice(1)].join('\n'), { mode: 0o600 });
    const second = await start(folder);
    expect(await query(second.url, 'SELECT 1')).toEqual([[1]]);
    expect(other.exitCode).toBe(null);
  });

  it('stops a Postgres whose Darkroom is gone', async () => {
    const folder = await usedFolder();
    const orphan = await stray(folder, 'cluster_name=darkroom');
    const lines: string[] = [];
    const next = await start(folder, { log: (line) => lines.push(line) });
    expect(await isGone(orphan.pid)).toBe(true);
    expect(lines.join('\n')).toMatch(/left over/);
    expect(await query(next.url, 'SELECT 1')).toEqual([[1]]);
  });

  it('stops a Postgres that no longer reacts to signals', async () => {
    const folder = await usedFolder();
    const first = await startedProcess(folder);
    process.kill(first.started.pid, 'SIGSTOP');
    await first.kill('SIGKILL');
    const second = await start(folder);
    expect(await isGone(first.started.pid)).toBe(true);
    expect(await query(second.url, 'SELECT 1')).toEqual([[1]]);
  });

  it('leaves a Postgres alone that a person started in the folder', async () => {
    const folder = await usedFolder();
    const { child, pid } = await stray(folder);
    atEnd(async () => {
      child.kill('SIGQUIT');
      await until('it is gone', () => isGone(pid));
    });
    await fails(start(folder), 'data_folder_in_use', new RegExp(`Postgres \\(process ${pid}\\)`));
    expect(await isGone(pid)).toBe(false);
  });

  it('recovers from a first start that was killed in the middle', async () => {
    const folder = await temporaryFolder();
    const first = startProcess(folder);
    const drafts = async () => (await readdir(folder)).filter((name) => name.startsWith('init-'));
    await until('initdb has begun', async () => {
      const [draft] = await drafts();
      if (draft === undefined) return false;
      const made = await readdir(join(folder, draft, 'cluster')).catch(() => []);
      return made.length > 5;
    });
    await first.kill('SIGKILL');
    const second = await start(folder);
    expect(second.firstStart).toBe(true);
    expect(await query(second.url, 'SELECT 1')).toEqual([[1]]);
    await second.stop();
    await (await start(folder)).stop();
    expect(await drafts()).toEqual([]);
  });
});

describe('embedded Postgres among processes', () => {
  it('names the process that holds the folder', async () => {
    const folder = await usedFolder();
    const first = await startedProcess(folder);
    const { error } = await startProcess(folder).next();
    expect(error?.code).toBe('data_folder_in_use');
    expect(error?.message).toMatch(new RegExp(`process ${first.pid}\\)`));
    expect(await query(first.started.url, 'SELECT 1')).toEqual([[1]]);
  });

  it('lets one of several first starts win', async () => {
    const folder = await temporaryFolder();
    const lines = await Promise.all([1, 2, 3].map(() => startProcess(folder).next()));
    const codes = lines.map(({ error }) => error?.code ?? 'started').toSorted();
    expect(codes).toEqual(['data_folder_in_use', 'data_folder_in_use', 'started']);
  });

  it('does not let Ctrl-C reach Postgres before Darkroom has drained', async () => {
    const darkroom = await startedProcess(await usedFolder());
    process.kill(-darkroom.pid, 'SIGINT');
    expect(await darkroom.next()).toEqual({ drained: true });
    expect(await isGone(darkroom.started.pid)).toBe(true);
  });
});
