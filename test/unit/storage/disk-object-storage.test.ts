import assert from 'node:assert/strict';
import {
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  rm,
  stat,
  writeFile,
  type FileHandle,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
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

  it('returns the stored bytes, in a file that only its owner may read', async () => {
    await storage.put('images/a/0.png', Buffer.from('bytes'));
    const object = await storage.get('images/a/0.png');
    expect(object!.bytes).toBe(5);
    expect(String(await buffer(object!.stream))).toBe('bytes');
    const { mode } = await stat(join(root, 'objects/images/a/0.png'));
    expect(mode & 0o777).toBe(0o600);
  });

  it('has nothing under a key that was never stored, or was deleted', async () => {
    expect(await storage.get('images/a/0.png')).toBe(null);
    await storage.put('images/a/0.png', Buffer.from('bytes'));
    await storage.delete('images/a/0.png');
    expect(await storage.get('images/a/0.png')).toBe(null);
    await storage.delete('images/a/0.png');
  });

  it('accepts the same object twice, and removes the remains of a killed writer', async () => {
    const folder = join(root, 'objects/images/a');
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, '0.png.0e1f.part'), 'by');
    await writeFile(join(folder, '1.png.0e1f.part'), 'of another');
    await storage.put('images/a/0.png', Buffer.from('bytes'));
    await storage.put('images/a/0.png', Buffer.from('bytes'));
    expect(new Set(await readdir(folder))).toEqual(new Set(['0.png', '1.png.0e1f.part']));
    expect(await readFile(join(folder, '0.png'), 'utf8')).toBe('bytes');
  });

  it('syncs the file, its folder and the parents of new folders before put returns', async () => {
    const probe = await open(root);
    const handles = Object.getPrototypeOf(probe) as FileHandle;
    await probe.close();
    const synced: number[] = [];
    const sync = Reflect.get(handles, 'sync');
    jest.spyOn(handles, 'sync').mockImplementation(async function note(this: FileHandle) {
      await sync.call(this);
      synced.push((await this.stat()).ino);
    });
    const inodes = (...paths: string[]) =>
      Promise.all(paths.map(async (path) => (await stat(join(root, path))).ino));
    await storage.put('images/a/0.png', Buffer.from('bytes'));
    const [file, ...folders] = await inodes(
      'objects/images/a/0.png',
      'objects/images/a',
      'objects/images',
      'objects',
      '.',
    );
    expect(synced.splice(0)).toEqual([file, ...folders]);
    await storage.put('images/b/0.png', Buffer.from('bytes'));
    expect(synced.splice(0)).toEqual(
      await inodes('objects/images/b/0.png', 'objects/images/b', 'objects/images'),
    );
    await storage.put('images/b/1.png', Buffer.from('bytes'));
    expect(synced).toEqual(await inodes('objects/images/b/1.png', 'objects/images/b'));
  });

  it('refuses a key that leaves its folder (security 30)', async () => {
    await expect(storage.put('../outside', Buffer.from('x'))).rejects.toThrow(RangeError);
    await expect(storage.get('images/../../outside')).rejects.toThrow(StorageError);
  });

  it('reports when it cannot be written', async () => {
    await writeFile(join(root, 'objects'), 'a file where the folder should be');
    await assert.rejects(storage.put('images/a/0.png', Buffer.from('x')), (error) => {
      assert.ok(error instanceof StorageError);
      expect(error.code).toBe('storage_unavailable');
      return true;
    });
  });
});
