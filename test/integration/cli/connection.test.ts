import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  readRunningFile,
  writeRunningFile,
} from '../../../src/infrastructure/embedded/running-file.js';
import { darkroom } from '../../support/cli.js';
import { freePort } from '../../../src/infrastructure/embedded/free-port.js';
import { openDatabase, type Store } from '../../support/stores.js';

let folder: string;
let database: Store;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-running-'));
  database = await openDatabase();
});
afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const running = () => ({ url: 'http://127.0.0.1:1', databaseUrl: database.url, engineUrls: [] });

describe('without DATABASE_URL', () => {
  it('a command says what to do when nothing runs here', async () => {
    const { code, stdout, stderr } = await darkroom(['queues', 'list'], {
      DARKROOM_DATA_DIR: folder,
    });
    expect([code, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(
      /^darkroom: Darkroom is not running here .* DATABASE_URL is not set: .+\n$/,
    );
  });

  it('a command finds the npm start of the data folder', async () => {
    const remove = await writeRunningFile(folder, running());
    try {
      const { mode } = await stat(join(folder, 'running.json'));
      expect(mode & 0o777).toBe(0o600);
      const env = { DARKROOM_DATA_DIR: folder };
      expect((await darkroom(['queues', 'list'], env)).code).toBe(0);
      const open = await darkroom(['open', '--json'], env);
      expect(open.json<{ api: string }>().api).toBe('http://127.0.0.1:1/api/v1');
    } finally {
      await remove();
    }
    expect(await readRunningFile(folder)).toBe(undefined);
  });

  it('a command ignores the file of a killed npm start, even if another process has its pid now', async () => {
    await writeRunningFile(folder, running());
    const path = join(folder, 'running.json');
    const kept = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    await writeFile(path, JSON.stringify({ ...kept, identity: 'another boot/1' }));
    expect(await readRunningFile(folder)).toBe(undefined);
    await writeFile(path, '{"pid":');
    expect(await readRunningFile(folder)).toBe(undefined);
  });
});

describe('stores that cannot be used', () => {
  it('an unreachable database gives exit code 3 and one sentence without the password', async () => {
    const url = `postgres://u:secret@127.0.0.1:${await freePort(undefined)}/x`;
    for (const args of [
      ['queues', 'list'],
      ['migrate', '--status'],
      ['purge', '--yes'],
    ]) {
      const { code, stdout, stderr } = await darkroom(args, { DATABASE_URL: url });
      expect([code, stdout]).toEqual([3, '']);
      expect(stderr).toMatch(/^darkroom: The database at \S+ cannot be reached: .+\n$/);
      expect(stderr).not.toMatch(/secret/);
    }
  });

  it('an unreachable queue gives exit code 3', async () => {
    const { code, stderr } = await darkroom(['broker', 'ping'], {
      DATABASE_URL: database.url,
      QUEUE_URL: `redis://:secret@127.0.0.1:${await freePort(undefined)}/0`,
    });
    expect(code).toBe(3);
    expect(stderr).toMatch(/^darkroom: The queue at \S+ cannot be reached: .+\n$/);
    expect(stderr).not.toMatch(/secret/);
  });

  it('wrong settings give exit code 2', async () => {
    const { code, stderr } = await darkroom(['queues', 'list'], { DATABASE_URL: 'nonsense' });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^darkroom: DATABASE_URL is not a Postgres URL/);
  });

  it('a database without tables makes the command say what to run', async () => {
    const url = new URL(database.url);
    url.pathname = 'postgres';
    const { code, stderr } = await darkroom(['queues', 'list'], { DATABASE_URL: url.href });
    expect(code).toBe(3);
    expect(stderr).toMatch(/run `darkroom migrate` first/);
  });
});

describe('files and pipes', () => {
  it('a file that does not exist gives exit code 2', async () => {
    for (const args of [
      ['logs', 'stats'],
      ['upgrade', 'settings'],
    ]) {
      const { code, stderr } = await darkroom([...args, '/no/such/file']);
      expect([code, stderr]).toEqual([2, 'darkroom: There is no file /no/such/file.\n']);
    }
  });

  it('a log from a pipe is printed as JSON lines', async () => {
    const line = { level: 'error', pid: 1, timestamp: 0, message: 'broken', context: 'X' };
    const input = `${JSON.stringify(line)}\nno log\n${JSON.stringify({ ...line, level: 'log' })}\n`;
    const { code, json, stderr } = await darkroom(['logs', 'errors', '--json'], {}, input);
    expect(code).toBe(0);
    expect(json<{ message: string }>().message).toBe('broken');
    expect(stderr).toBe('1 line skipped: no log.\n');
  });

  it('a pipe without settings gives exit code 1', async () => {
    expect((await darkroom(['upgrade', 'settings', '-'], {}, 'hello')).code).toBe(1);
  });
});
