import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { DiskObjectStorage } from '../../../src/features/storage/disk-object-storage.js';
import type { ListedObject, ObjectStorage } from '../../../src/features/storage/object-storage.js';
import { S3ObjectStorage } from '../../../src/features/storage/s3-object-storage.js';
import { temporaryFolder } from '../../support/memory-folder.js';
import { startS3 } from '../../support/s3-server.js';

interface Opened {
  storage: ObjectStorage;
  close(): Promise<void>;
}

const kinds: Record<string, () => Promise<Opened>> = {
  disk: async () => {
    const root = await mkdtemp(join(await temporaryFolder(), 'darkroom-objects-'));
    return {
      storage: new DiskObjectStorage(root),
      close: () => rm(root, { recursive: true, force: true }),
    };
  },
  S3: async () => {
    const s3 = await startS3();
    const storage = new S3ObjectStorage(s3.options);
    const close = async () => {
      storage.onApplicationShutdown();
      await s3.close();
    };
    return { storage, close };
  },
};

for (const [kind, open] of Object.entries(kinds)) {
  describe(`object storage: ${kind}`, () => {
    let storage: ObjectStorage;
    let opened: Opened;
    beforeAll(async () => {
      opened = await open();
      storage = opened.storage;
    });
    afterAll(() => opened.close());

    const read = async (key: string) => {
      const object = await storage.get(key);
      return object && { bytes: object.bytes, contents: await buffer(object.stream) };
    };
    const listed = async (prefix: string) => {
      const objects: ListedObject[] = [];
      for await (const object of storage.list(prefix)) objects.push(object);
      return objects;
    };

    it('gives back what was stored, byte for byte', async () => {
      for (const size of [1, 1_000, 9_000_000]) {
        const bytes = randomBytes(size);
        await storage.put('images/a/0.png', bytes, 'image/png');
        const found = await read('images/a/0.png');
        expect(found!.bytes).toBe(size);
        expect(found!.contents.equals(bytes)).toBe(true);
      }
    });

    it('stores the same object twice, also at once', async () => {
      const bytes = randomBytes(100_000);
      const put = () => storage.put('images/twice/0.png', bytes, 'image/png');
      await Promise.all([put(), put(), put()].map((work) => work.catch(() => {})));
      await put();
      expect((await read('images/twice/0.png'))!.contents.equals(bytes)).toBe(true);
      expect((await listed('images/twice/')).length).toBe(1);
    });

    it('replaces an object that is there with other contents', async () => {
      await storage.put('images/b/0.png', Buffer.from('damag'), 'image/png');
      await storage.put('images/b/0.png', Buffer.from('whole'), 'image/png');
      expect(String((await read('images/b/0.png'))!.contents)).toBe('whole');
    });

    it('has nothing under a key that was never stored, or was deleted', async () => {
      expect(await storage.get('images/none/0.png')).toBe(null);
      await storage.put('images/c/0.png', Buffer.from('bytes'), 'image/png');
      await storage.delete('images/c/0.png');
      expect(await storage.get('images/c/0.png')).toBe(null);
      await storage.delete('images/c/0.png');
    });

    it('lists each object once, also more than fit on a page', async () => {
      const before = Date.now();
      const keys = Array.from({ length: 1_100 }, (_, n) => `images/many/${n % 7}/${n}.png`);
      for (let n = 0; n < keys.length; n += 50) {
        const some = keys.slice(n, n + 50);
        await Promise.all(some.map((key) => storage.put(key, Buffer.from(key), 'image/png')));
      }
      await storage.put('other/0.png', Buffer.from('x'), 'image/png');
      const found = await listed('images/many/');
      expect(found.map(({ key }) => key).toSorted()).toEqual(keys.toSorted());
      expect(found.every(({ key, bytes }) => bytes === key.length)).toBe(true);
      // Stores round to seconds.
      expect(found.every(({ writtenAt }) => writtenAt.getTime() > before - 2_000)).toBe(true);
      expect(await listed('images/never/')).toEqual([]);
    });

    it('describes itself without credentials', () => {
      expect(storage.describe()).not.toContain('S3RVER');
    });
  });
}
