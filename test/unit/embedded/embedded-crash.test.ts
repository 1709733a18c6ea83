import { describe, it } from 'node:test';
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
  it('ends with its Darkroom, even one killed by force', async (t) => {
    const folder = await usedFolder(t);
    const first = await startedProcess(t, folder);
    await query(first.started.url, 'CREATE TABLE kept AS SELECT 42 AS n');
    await first.kill('SIGKILL');
    if (process.platform === 'linux') {
      await until('Postgres is gone', () => isGone(first.started.pid));
    }
    const second = await start(t, folder);
    assert.equal(second.url, first.started.url);
    assert.deepEqual(await query(second.url, 'SELECT n FROM kept'), [[42]]);
  });

  it('starts when both were killed by force at once', async (t) => {
    const folder = await usedFolder(t);
    const first = await startedProcess(t, folder);
    await query(first.started.url, 'CREATE TABLE kept AS SELECT 42 AS n');
    process.kill(first.started.pid, 'SIGKILL');
    await first.kill('SIGKILL');
    const second = await start(t, folder);
    assert.deepEqual(await query(second.url, 'SELECT n FROM kept'), [[42]]);
  });

  it('starts when the kill left backends in the middle of a query', async (t) => {
    const folder = await usedFolder(t);
    const first = await startedProcess(t, folder);
    const endless = 'SELECT count(*) FROM generate_series(1, 100000000000)';
    const running = assert.rejects(query(first.started.url, endless));
    const busy = `SELECT FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%series%' AND pid <> pg_backend_pid()`;
    const isBusy = async () => (await query(first.started.url, busy)).length > 0;
    await until('the query runs', isBusy);
    process.kill(first.started.pid, 'SIGKILL');
    await first.kill('SIGKILL');
    const second = await start(t, folder);
    assert.deepEqual(await query(second.url, 'SELECT 1'), [[1]]);
    await running;
  });

  it('starts when another program has the pid of the dead Postgres', async (t) => {
    const folder = await usedFolder(t);
    const first = await startedProcess(t, folder);
    const file = join(folder, 'cluster', 'postmaster.pid');
    const lines = (await readFile(file, 'utf8')).split('\n');
    process.kill(first.started.pid, 'SIGKILL');
    await first.kill('SIGKILL');
    const other = spawn('sleep', ['600'], { stdio: 'ignore' });
    atEnd(t, () => other.kill('SIGKILL'));
    await writeFile(file, [other.pid, ...lines.slice(1)].join('\n'), { mode: 0o600 });
    const second = await start(t, folder);
    assert.deepEqual(await query(second.url, 'SELECT 1'), [[1]]);
    assert.equal(other.exitCode, null);
  });

  it('stops a Postgres whose Darkroom is gone', async (t) => {
    const folder = await usedFolder(t);
    const orphan = await stray(folder, 'cluster_name=darkroom');
    const lines: string[] = [];
    const next = await start(t, folder, { log: (line) => lines.push(line) });
    assert.ok(await isGone(orphan.pid));
    assert.match(lines.join('\n'), /left over/);
    assert.deepEqual(await query(next.url, 'SELECT 1'), [[1]]);
  });

  it('stops one that does not listen to signals any more', async (t) => {
    const folder = await usedFolder(t);
    const first = await startedProcess(t, folder);
    process.kill(first.started.pid, 'SIGSTOP');
    await first.kill('SIGKILL');
    const second = await start(t, folder);
    assert.ok(await isGone(first.started.pid));
    assert.deepEqual(await query(second.url, 'SELECT 1'), [[1]]);
  });

  it('leaves a Postgres alone that a person started there', async (t) => {
    const folder = await usedFolder(t);
    const { child, pid } = await stray(folder);
    atEnd(t, async () => {
      child.kill('SIGQUIT');
      await until('it is gone', () => isGone(pid));
    });
    await fails(
      start(t, folder),
      'data_folder_in_use',
      new RegExp(`Postgres \\(process ${pid}\\)`),
    );
    assert.equal(await isGone(pid), false);
  });

  it('recovers from a first start killed in the middle', async (t) => {
    const folder = await temporaryFolder(t);
    const first = startProcess(t, folder);
    const drafts = async () => (await readdir(folder)).filter((name) => name.startsWith('init-'));
    await until('initdb has begun', async () => {
      const [draft] = await drafts();
      if (draft === undefined) return false;
      const made = await readdir(join(folder, draft, 'cluster')).catch(() => []);
      return made.length > 5;
    });
    await first.kill('SIGKILL');
    const second = await start(t, folder);
    assert.equal(second.firstStart, true);
    assert.deepEqual(await query(second.url, 'SELECT 1'), [[1]]);
    await second.stop();
    await (await start(t, folder)).stop();
    assert.deepEqual(await drafts(), []);
  });
});

describe('embedded Postgres among processes', () => {
  it('names the process that has the folder', async (t) => {
    const folder = await usedFolder(t);
    const first = await startedProcess(t, folder);
    const { error } = await startProcess(t, folder).next();
    assert.equal(error?.code, 'data_folder_in_use');
    assert.match(error.message, new RegExp(`process ${first.pid}\\)`));
    assert.deepEqual(await query(first.started.url, 'SELECT 1'), [[1]]);
  });

  it('lets one of several first starts win', async (t) => {
    const folder = await temporaryFolder(t);
    const lines = await Promise.all([1, 2, 3].map(() => startProcess(t, folder).next()));
    const codes = lines.map(({ error }) => error?.code ?? 'started').toSorted();
    assert.deepEqual(codes, ['data_folder_in_use', 'data_folder_in_use', 'started']);
  });

  it('does not let Ctrl-C reach Postgres before Darkroom has drained', async (t) => {
    const darkroom = await startedProcess(t, await usedFolder(t));
    process.kill(-darkroom.pid, 'SIGINT');
    assert.deepEqual(await darkroom.next(), { drained: true });
    assert.ok(await isGone(darkroom.started.pid));
  });
});
