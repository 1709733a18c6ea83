import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { DiskObjectStorage } from '../../../src/features/storage/disk-object-storage.js';
import { StorageError } from '../../../src/features/storage/object-storage.js';

describe('the disk as object storage', () => {
  let root: string;
  let storage: DiskObjectStorage;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'darkroom-objects-'));
    storage = new DiskObjectStorage(join(root, 'objects'));
  });
  afterEach(() => rm(root, { recursive: true, force: true }));

  it('gives back what was put, and only its owner may read the file', async () => {
    await storage.put('images/a/0.png', Buffer.from('bytes'));
    const object = await storage.get('images/a/0.png');
    assert.equal(object!.bytes, 5);
    assert.equal(String(await buffer(object!.stream)), 'bytes');
    const { mode } = await stat(join(root, 'objects/images/a/0.png'));
    assert.equal(mode & 0o777, 0o600);
  });

  it('has nothing under a key that was never put, or was deleted', async () => {
    assert.equal(await storage.get('images/a/0.png'), null);
    await storage.put('images/a/0.png', Buffer.from('bytes'));
    await storage.delete('images/a/0.png');
    assert.equal(await storage.get('images/a/0.png'), null);
    await storage.delete('images/a/0.png');
  });

  it('may be told the same twice, and takes away what a killed writer left', async () => {
    const folder = join(root, 'objects/images/a');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, '0.png.0e1f.part'), 'by');
    await writeFile(join(folder, '1.png.0e1f.part'), 'of another');
    await storage.put('images/a/0.png', Buffer.from('bytes'));
    await storage.put('images/a/0.png', Buffer.from('bytes'));
    assert.deepEqual(new Set(await readdir(folder)), new Set(['0.png', '1.png.0e1f.part']));
    assert.equal(await readFile(join(folder, '0.png'), 'utf8'), 'bytes');
  });

  it('refuses a key that leaves its folder', async () => {
    await assert.rejects(storage.put('../outside', Buffer.from('x')), RangeError);
    await assert.rejects(storage.get('images/../../outside'), StorageError);
  });

  it('says so when it cannot be written', async () => {
    await writeFile(join(root, 'objects'), 'a file where the folder should be');
    await assert.rejects(storage.put('images/a/0.png', Buffer.from('x')), (error) => {
      assert.ok(error instanceof StorageError);
      assert.equal(error.code, 'storage_unavailable');
      return true;
    });
  });
});
