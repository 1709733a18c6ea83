import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  readRunningFile,
  writeRunningFile,
} from '../../../src/infrastructure/embedded/running-file.js';
import { darkroom } from '../../support/cli.js';
import { freePort, openDatabase, type Store } from '../../support/stores.js';

let folder: string;
let database: Store;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'darkroom-running-'));
  database = await openDatabase();
});
after(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const running = () => ({ url: 'http://127.0.0.1:1', databaseUrl: database.url, engineUrls: [] });

describe('without DATABASE_URL', () => {
  it('says what to do when nothing runs here', async () => {
    const { code, stdout, stderr } = await darkroom(['queues', 'list'], {
      DARKROOM_DATA_DIR: folder,
    });
    assert.deepEqual([code, stdout], [3, '']);
    assert.match(
      stderr,
      /^darkroom: Darkroom is not running here .* DATABASE_URL is not set: .+\n$/,
    );
  });

  it('finds the npm start of the data folder', async () => {
    const remove = await writeRunningFile(folder, running());
    try {
      const { mode } = await stat(join(folder, 'running.json'));
      assert.equal(mode & 0o777, 0o600);
      const env = { DARKROOM_DATA_DIR: folder };
      assert.equal((await darkroom(['queues', 'list'], env)).code, 0);
      const open = await darkroom(['open', '--json'], env);
      assert.equal(open.json<{ api: string }>().api, 'http://127.0.0.1:1/api/v1');
    } finally {
      await remove();
    }
    assert.equal(await readRunningFile(folder), undefined);
  });

  it('ignores what a killed one has left, though another process has its pid now', async () => {
    await writeRunningFile(folder, running());
    const path = join(folder, 'running.json');
    const kept = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    await writeFile(path, JSON.stringify({ ...kept, identity: 'another boot/1' }));
    assert.equal(await readRunningFile(folder), undefined);
    await writeFile(path, '{"pid":');
    assert.equal(await readRunningFile(folder), undefined);
  });
});

describe('stores that cannot be used', () => {
  it('a database that is away is 3, in one sentence without the password', async () => {
    const url = `postgres://u:secret@127.0.0.1:${await freePort()}/x`;
    for (const args of [
      ['queues', 'list'],
      ['migrate', '--status'],
      ['purge', '--yes'],
    ]) {
      const { code, stdout, stderr } = await darkroom(args, { DATABASE_URL: url });
      assert.deepEqual([code, stdout], [3, '']);
      assert.match(stderr, /^darkroom: The database at \S+ cannot be reached: .+\n$/);
      assert.doesNotMatch(stderr, /secret/);
    }
  });

  it('a queue that is away is 3', async () => {
    const { code, stderr } = await darkroom(['broker', 'ping'], {
      DATABASE_URL: database.url,
      QUEUE_URL: `redis://:secret@127.0.0.1:${await freePort()}/0`,
    });
    assert.equal(code, 3);
    assert.match(stderr, /^darkroom: The queue at \S+ cannot be reached: .+\n$/);
    assert.doesNotMatch(stderr, /secret/);
  });

  it('wrong settings are 2', async () => {
    const { code, stderr } = await darkroom(['queues', 'list'], { DATABASE_URL: 'nonsense' });
    assert.equal(code, 2);
    assert.match(stderr, /^darkroom: DATABASE_URL is not a Postgres URL/);
  });

  it('a database without tables says what to run', async () => {
    const url = new URL(database.url);
    url.pathname = 'postgres';
    const { code, stderr } = await darkroom(['queues', 'list'], { DATABASE_URL: url.href });
    assert.equal(code, 3);
    assert.match(stderr, /run `darkroom migrate` first/);
  });
});

describe('files and pipes', () => {
  it('a file that is not there is 2', async () => {
    for (const args of [
      ['logs', 'stats'],
      ['upgrade', 'settings'],
    ]) {
      const { code, stderr } = await darkroom([...args, '/no/such/file']);
      assert.deepEqual([code, stderr], [2, 'darkroom: There is no file /no/such/file.\n']);
    }
  });

  it('a log from a pipe, as JSON lines', async () => {
    const line = { level: 'error', pid: 1, timestamp: 0, message: 'broken', context: 'X' };
    const input = `${JSON.stringify(line)}\nno log\n${JSON.stringify({ ...line, level: 'log' })}\n`;
    const { code, json, stderr } = await darkroom(['logs', 'errors', '--json'], {}, input);
    assert.equal(code, 0);
    assert.equal(json<{ message: string }>().message, 'broken');
    assert.equal(stderr, '1 line skipped: no JSON log.\n');
  });

  it('a pipe without settings is 1', async () => {
    assert.equal((await darkroom(['upgrade', 'settings', '-'], {}, 'hello')).code, 1);
  });
});
