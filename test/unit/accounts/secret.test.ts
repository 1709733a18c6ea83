import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { ServerSecret } from '../../../src/infrastructure/secret/server-secret.js';

let dataDir: string;
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'darkroom-secret-'));
});
afterEach(() => rm(dataDir, { recursive: true, force: true }));

const secretOf = (secretKey?: string) => new ServerSecret({ secretKey, dataDir });

it('processes that start at once make one secret, which only the owner may read (security 44)', async () => {
  const keys = await Promise.all(Array.from({ length: 20 }, () => secretOf().keyFor('x')));
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
  const file = join(dataDir, 'secret.key');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await readFile(file, 'utf8')).trim().length).toBe(64);
});

it('SECRET_KEY wins, and no file is made', async () => {
  const one = await secretOf('k'.repeat(32)).keyFor('x');
  expect(one).toEqual(await secretOf('k'.repeat(32)).keyFor('x'));
  expect(one).not.toEqual(await secretOf('l'.repeat(32)).keyFor('x'));
  await expect(stat(join(dataDir, 'secret.key'))).rejects.toThrow('ENOENT');
});

it('the keys of two purposes differ', async () => {
  const secret = secretOf();
  expect(await secret.keyFor('a')).not.toEqual(await secret.keyFor('b'));
});

it('a broken file is refused, not replaced, and works once it is mended', async () => {
  const file = join(dataDir, 'secret.key');
  await writeFile(file, 'short');
  const secret = secretOf();
  await expect(secret.keyFor('x')).rejects.toThrow(/does not hold a key/);
  expect(await readFile(file, 'utf8')).toBe('short');
  await writeFile(file, 'k'.repeat(64));
  expect((await secret.keyFor('x')).length).toBe(32);
});
