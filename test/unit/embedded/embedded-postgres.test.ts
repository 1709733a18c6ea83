import { describe, expect, it } from '@jest/globals';
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
  it('keeps data, password and port between starts', async () => {
    const folder = join(await temporaryFolder(), 'new', 'a folder, named "é"');
    const first = await start(folder, { durable: true });
    expect(first.firstStart).toBe(true);
    await query(first.url, 'CREATE TABLE kept (n int)');
    await query(first.url, 'INSERT INTO kept VALUES (42)');
    await first.stop();
    expect(await isGone(first.pid)).toBe(true);

    const second = await start(folder, { durable: true });
    expect(second.firstStart).toBe(false);
    expect(second.url).toBe(first.url);
    expect(await query(second.url, 'SELECT n FROM kept')).toEqual([[42]]);
  });

  it('sorts and folds case alike on every machine', async () => {
    const { url } = await start(await usedFolder());
    const [row] = await query(
      url,
      `SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale, lower('ÄÖ')
       FROM pg_database WHERE datname = current_database()`,
    );
    expect(row).toEqual(['UTF8', 'b', 'C.UTF-8', 'äö']);
  });

  it('gives a role that owns its database and is no superuser', async () => {
    const { url } = await start(await usedFolder());
    await query(url, 'CREATE DATABASE another TEMPLATE darkroom');
    const [role] = await query(
      url,
      'SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user',
    );
    expect(role).toEqual(['darkroom', false]);
    await expect(query(url, `COPY (SELECT 1) TO PROGRAM 'true'`)).rejects.toThrow(
      /permission denied/,
    );
  });

  it('creates a missing database in an old cluster', async () => {
    const folder = await usedFolder();
    const first = await start(folder);
    await first.stop();
    const second = await start(folder, { database: 'Name with "quotes"' });
    const [row] = await query(second.url, 'SELECT current_database()');
    expect(row).toEqual(['Name with "quotes"']);
  });

  it('takes settings, but stays on the loopback address with passwords', async () => {
    const { url } = await start(await usedFolder(), {
      settings: { work_mem: '7MB', listen_addresses: '*' },
    });
    const [row] = await query(
      url,
      `SELECT current_setting('work_mem'), current_setting('listen_addresses'),
              current_setting('unix_socket_directories'), current_setting('fsync')`,
    );
    expect(row).toEqual(['7MB', '127.0.0.1', '', 'off']);
    const wrong = new URL(url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/);
  });

  it('reveals its password to nobody', async () => {
    const folder = await usedFolder();
    const lines: string[] = [];
    const { url } = await start(folder, { log: (line) => lines.push(line) });
    const { password } = new URL(url);
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join()).not.toContain(password);
    expect(await readFile(join(folder, 'postgres.log'), 'utf8')).not.toContain(password);
    const { mode } = await stat(join(folder, 'credentials.json'));
    expect(mode & 0o777).toBe(0o600);
  });

  it('moves to another port and stays there when its own is taken', async () => {
    const folder = await usedFolder();
    const first = await start(folder);
    await first.stop();
    const squatter = createServer().listen(first.port, '127.0.0.1');
    await once(squatter, 'listening');
    atEnd(() => squatter.close());

    const second = await start(folder);
    expect(second.port).not.toBe(first.port);
    await second.stop();
    squatter.close();
    await once(squatter, 'close');
    const third = await start(folder);
    expect(third.port).toBe(second.port);
  });

  it('does not start twice in one process', async () => {
    const folder = await usedFolder();
    const { url } = await start(folder);
    await fails(start(folder), 'data_folder_in_use', new RegExp(`process ${process.pid}\\)`));
    expect(await query(url, 'SELECT 1')).toEqual([[1]]);
  });

  it('stops as often as it is asked', async () => {
    const postgres = await start(await usedFolder());
    await Promise.all([postgres.stop(), postgres.stop()]);
    await postgres.stop();
    const { expected } = await postgres.exited;
    expect(expected).toBe(true);
    expect(await isGone(postgres.pid)).toBe(true);
  });

  it('stops while a query runs', async () => {
    const postgres = await start(await usedFolder());
    const running = expect(query(postgres.url, 'SELECT pg_sleep(600)')).rejects.toThrow();
    await postgres.stop();
    await running;
  });

  it('says when Postgres ends by itself, and starts again after that', async () => {
    const folder = await usedFolder();
    const first = await start(folder);
    process.kill(first.pid, 'SIGKILL');
    await until('Postgres is gone', () => isGone(first.pid));
    const { expected, message } = await first.exited;
    expect(expected).toBe(false);
    expect(message).toMatch(/ended by itself \(signal SIGKILL\)/);
    const second = await start(folder);
    expect(await query(second.url, 'SELECT 1')).toEqual([[1]]);
  });

  it('keeps one old log of bounded size', async () => {
    const folder = await usedFolder();
    const log = join(folder, 'postgres.log');
    await truncate(log, 6 * 1024 * 1024);
    await (await start(folder)).stop();
    expect((await stat(log)).size).toBeLessThan(100_000);
    expect((await stat(`${log}.1`)).size).toBe(6 * 1024 * 1024);
  });

  it('leaves one lock file however often it was started', async () => {
    const folder = await temporaryFolder();
    for (let n = 0; n < 3; n++) await (await start(folder)).stop();
    const names = (await readdir(folder)).toSorted();
    expect(names).toEqual(['cluster', 'credentials.json', 'lock.3', 'port', 'postgres.log']);
  });

  it('chooses another port when the remembered one makes no sense', async () => {
    const folder = await usedFolder();
    await writeFile(join(folder, 'port'), 'five');
    expect((await start(folder)).port).toBeGreaterThan(0);
  });
});
