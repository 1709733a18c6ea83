import { describe, it } from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, readdir, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  atEnd,
  fails,
  isGone,
  query,
  start,
  temporaryFolder,
  usedFolder,
  until,
} from './embedded.support.js';

describe('embedded Postgres', () => {
  it('keeps data, password and port between starts', async (t) => {
    const folder = join(await temporaryFolder(t), 'new', 'a folder, named "é"');
    const first = await start(t, folder, { durable: true });
    assert.equal(first.firstStart, true);
    await query(first.url, 'CREATE TABLE kept (n int)');
    await query(first.url, 'INSERT INTO kept VALUES (42)');
    await first.stop();
    assert.ok(await isGone(first.pid));

    const second = await start(t, folder, { durable: true });
    assert.equal(second.firstStart, false);
    assert.equal(second.url, first.url);
    assert.deepEqual(await query(second.url, 'SELECT n FROM kept'), [[42]]);
  });

  it('sorts and folds case alike on every machine', async (t) => {
    const { url } = await start(t, await usedFolder(t));
    const [row] = await query(
      url,
      `SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale, lower('ÄÖ')
       FROM pg_database WHERE datname = current_database()`,
    );
    assert.deepEqual(row, ['UTF8', 'b', 'C.UTF-8', 'äö']);
  });

  it('gives a role that owns its database and is no superuser', async (t) => {
    const { url } = await start(t, await usedFolder(t));
    await query(url, 'CREATE DATABASE another TEMPLATE darkroom');
    const [role] = await query(
      url,
      'SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user',
    );
    assert.deepEqual(role, ['darkroom', false]);
    await assert.rejects(query(url, `COPY (SELECT 1) TO PROGRAM 'true'`), /permission denied/);
  });

  it('creates a missing database in an old cluster', async (t) => {
    const folder = await usedFolder(t);
    const first = await start(t, folder);
    await first.stop();
    const second = await start(t, folder, { database: 'Name with "quotes"' });
    const [row] = await query(second.url, 'SELECT current_database()');
    assert.deepEqual(row, ['Name with "quotes"']);
  });

  it('takes settings, but stays on the loopback address with passwords', async (t) => {
    const { url } = await start(t, await usedFolder(t), {
      settings: { work_mem: '7MB', listen_addresses: '*' },
    });
    const [row] = await query(
      url,
      `SELECT current_setting('work_mem'), current_setting('listen_addresses'),
              current_setting('unix_socket_directories'), current_setting('fsync')`,
    );
    assert.deepEqual(row, ['7MB', '127.0.0.1', '', 'off']);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    await assert.rejects(query(wrong.href, 'SELECT 1'), /password authentication failed/);
  });

  it('tells its password to nobody', async (t) => {
    const folder = await usedFolder(t);
    const lines: string[] = [];
    const { url } = await start(t, folder, { log: (line) => lines.push(line) });
    const { password } = new URL(url);
    assert.ok(lines.length > 0);
    assert.ok(!lines.join().includes(password));
    assert.ok(!(await readFile(join(folder, 'postgres.log'), 'utf8')).includes(password));
    const { mode } = await stat(join(folder, 'credentials.json'));
    assert.equal(mode & 0o777, 0o600);
  });

  it('moves to another port and stays there when its own is taken', async (t) => {
    const folder = await usedFolder(t);
    const first = await start(t, folder);
    await first.stop();
    const squatter = createServer().listen(first.port, '127.0.0.1');
    await once(squatter, 'listening');
    atEnd(t, () => squatter.close());

    const second = await start(t, folder);
    assert.notEqual(second.port, first.port);
    await second.stop();
    squatter.close();
    await once(squatter, 'close');
    const third = await start(t, folder);
    assert.equal(third.port, second.port);
  });

  it('does not start twice in one process', async (t) => {
    const folder = await usedFolder(t);
    const { url } = await start(t, folder);
    await fails(start(t, folder), 'data_folder_in_use', new RegExp(`process ${process.pid}\\)`));
    assert.deepEqual(await query(url, 'SELECT 1'), [[1]]);
  });

  it('stops as often as it is asked', async (t) => {
    const postgres = await start(t, await usedFolder(t));
    await Promise.all([postgres.stop(), postgres.stop()]);
    await postgres.stop();
    const { expected } = await postgres.exited;
    assert.equal(expected, true);
    assert.ok(await isGone(postgres.pid));
  });

  it('stops while a query runs', async (t) => {
    const postgres = await start(t, await usedFolder(t));
    const running = assert.rejects(query(postgres.url, 'SELECT pg_sleep(600)'));
    await postgres.stop();
    await running;
  });

  it('says when Postgres ends by itself, and starts again after that', async (t) => {
    const folder = await usedFolder(t);
    const first = await start(t, folder);
    process.kill(first.pid, 'SIGKILL');
    await until('Postgres is gone', () => isGone(first.pid));
    const { expected, message } = await first.exited;
    assert.equal(expected, false);
    assert.match(message, /ended by itself \(signal SIGKILL\)/);
    const second = await start(t, folder);
    assert.deepEqual(await query(second.url, 'SELECT 1'), [[1]]);
  });

  it('keeps one old log of bounded size', async (t) => {
    const folder = await usedFolder(t);
    const log = join(folder, 'postgres.log');
    await truncate(log, 6 * 1024 * 1024);
    await (await start(t, folder)).stop();
    assert.ok((await stat(log)).size < 100_000);
    assert.equal((await stat(`${log}.1`)).size, 6 * 1024 * 1024);
  });

  it('leaves one lock file however often it was started', async (t) => {
    const folder = await temporaryFolder(t);
    for (let n = 0; n < 3; n++) await (await start(t, folder)).stop();
    const names = (await readdir(folder)).toSorted();
    assert.deepEqual(names, ['cluster', 'credentials.json', 'lock.3', 'port', 'postgres.log']);
  });

  it('chooses another port when the remembered one makes no sense', async (t) => {
    const folder = await usedFolder(t);
    await writeFile(join(folder, 'port'), 'five');
    assert.ok((await start(t, folder)).port > 0);
  });
});
