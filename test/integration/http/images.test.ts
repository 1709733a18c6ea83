import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { about } from '../../support/about.js';
import sharp from 'sharp';
import { ImageStore } from '../../../src/features/images/image-store.js';
import { ObjectStorage } from '../../../src/features/storage/object-storage.js';
import { Spool } from '../../../src/features/stored-files/spool.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { badFieldsOf, problemOf } from '../../support/problem.js';

const unknown = '01890000-0000-7000-8000-000000000000';

describe('an image', () => {
  let darkroom: TestDarkroom;
  let owner: string;
  let stranger: string;
  let path: string;
  let taskId: string;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres');
    owner = await darkroom.newUserKey('owner');
    stranger = await darkroom.newUserKey('stranger');
    // Uploads wait, so the picture stays in the spool.
    await uploads().pause();
    const body = { prompt: 'a lighthouse', width: 512, height: 256, steps: 1 };
    const headers = { authorization: `Bearer ${owner}`, 'x-request-id': 'picture-1' };
    const posted = await darkroom.post('/api/v1/generate-image', body, headers);
    taskId = ((await posted.json()) as { task_id: string }).task_id;
    const { result } = await darkroom.finished(taskId);
    path = result!.images[0]!.url;
  });
  afterAll(() => darkroom.close());

  const get = (url: string, headers: Record<string, string> = {}, method = 'GET') =>
    darkroom.request(url, { key: owner, headers, method });

  const uploads = () => darkroom.app.get(TaskHints).of('normal_priority');

  async function stored(): Promise<boolean> {
    const [row] = await darkroom.database.query('SELECT stored_at FROM generated_images');
    return row.stored_at !== null;
  }

  function behavesWell(where: string): void {
    it(`${where}: has its bytes, its type, a tag and nosniff (security 8)`, async () => {
      const answer = await get(path);
      expect(answer.status).toBe(200);
      const { headers } = answer;
      expect(headers.get('content-type')).toBe('image/png');
      expect(headers.get('cache-control')).toBe('private, no-cache');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')!).toMatch(/default-src 'none'/);
      expect(headers.get('etag')!).toMatch(/^"[0-9a-f]{64}"$/);
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect(headers.get('content-length')).toBe(String(bytes.length));
      expect((await sharp(bytes).metadata()).width).toBe(512);
    });

    it(`${where}: has a thumbnail that is a smaller WebP with a tag of its own`, async () => {
      const answer = await get(`${path}?size=thumbnail`);
      expect(answer.headers.get('content-type')).toBe('image/webp');
      expect(answer.headers.get('etag')).not.toBe((await get(path)).headers.get('etag'));
      const { format, width, height } = await sharp(await answer.arrayBuffer()).metadata();
      expect([format, width, height]).toEqual(['webp', 384, 192]);
    });

    it(`${where}: answers HEAD with the headers of GET and no body`, async () => {
      const [head, full] = [await get(path, {}, 'HEAD'), await get(path)];
      expect(head.status).toBe(200);
      for (const name of ['content-type', 'content-length', 'etag', 'cache-control']) {
        about(name, () => expect(head.headers.get(name)).toBe(full.headers.get(name)));
      }
      expect((await head.arrayBuffer()).byteLength).toBe(0);
      await full.arrayBuffer();
    });

    it(`${where}: answers 304 to a known tag`, async () => {
      const { headers } = await get(path);
      const tag = headers.get('etag')!;
      for (const known of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
        const answer = await get(path, { 'if-none-match': known });
        about(known, () => expect(answer.status).toBe(304));
        expect(answer.headers.get('etag')).toBe(tag);
        expect((await answer.arrayBuffer()).byteLength).toBe(0);
      }
      for (const other of ['"other"', tag.slice(1, -1), `${tag}x`, '']) {
        expect((await get(path, { 'if-none-match': other })).status).toBe(200);
      }
      const thumbnail = await get(`${path}?size=thumbnail`, { 'if-none-match': tag });
      expect(thumbnail.status).toBe(200);
    });

    it(`${where}: is sent whole when a range is requested`, async () => {
      const answer = await get(path, { range: 'bytes=0-9' });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('accept-ranges')).toBe(null);
      const { byteLength } = await answer.arrayBuffer();
      expect(answer.headers.get('content-length')).toBe(String(byteLength));
    });

    it(`${where}: is hidden from other users and visible to an admin (security 8)`, async () => {
      for (const url of [path, `${path}?size=thumbnail`]) {
        expect((await darkroom.request(url)).status).toBe(200);
        await looksUnknown(url, `/api/v1/images/${unknown}`);
      }
    });
  }

  /** The stranger cannot tell it from an id that names nothing. */
  async function looksUnknown(url: string, unknownUrl: string): Promise<void> {
    const seen = await Promise.all(
      [url, unknownUrl].map(async (each) => {
        const answer = await darkroom.request(each, { key: stranger });
        const { correlation_id, ...body } = await problemOf(answer, 404, 'not_found');
        return { body, headers: [...answer.headers.keys()] };
      }),
    );
    expect(seen[0]).toEqual(seen[1]);
  }

  it('is not stored yet', async () => expect(await stored()).toBe(false));
  behavesWell('in the spool');

  it('in the spool needs no bytes for a 304', async () => {
    const tag = (await get(path)).headers.get('etag')!;
    const spool = [
      jest.spyOn(darkroom.app.get(Spool), 'open'),
      jest.spyOn(darkroom.app.get(ImageStore), 'findSpooled'),
    ];
    const reads = () => spool.map((spy) => spy.mock.calls.length);
    for (const url of [path, `${path}?size=thumbnail`]) {
      expect((await get(url, { 'if-none-match': '*' })).status).toBe(304);
    }
    expect((await get(path, { 'if-none-match': tag })).status).toBe(304);
    expect(reads()).toEqual([0, 0]);
    await (await get(path)).arrayBuffer();
    await (await get(`${path}?size=thumbnail`)).arrayBuffer();
    expect(reads()).toEqual([1, 1]);
    jest.restoreAllMocks();
  });

  it('in the spool has its thumbnails made two at a time', async () => {
    const images = darkroom.app.get(ImageStore);
    const read = images.findSpooled.bind(images);
    let [now, most] = [0, 0];
    jest.spyOn(images, 'findSpooled').mockImplementation(async (id) => {
      most = Math.max(most, ++now);
      return read(id).finally(() => now--);
    });
    const asked = Array.from({ length: 20 }, () => get(`${path}?size=thumbnail`));
    for (const answer of await Promise.all(asked)) expect(answer.status).toBe(200);
    expect(most).toBe(2);
    jest.restoreAllMocks();
  });

  it('is stored by its upload, which keeps the correlation id (security 30)', async () => {
    await uploads().resume();
    await eventually('it is stored', stored);
    const [upload] = await darkroom.database.query(
      `SELECT correlation_id FROM tasks WHERE name = 'upload_to_cloud_task'`,
    );
    expect(upload.correlation_id).toBe('picture-1');
    const [image] = await darkroom.database.query(
      `SELECT object_key, thumbnail_key FROM generated_images`,
    );
    const base = `images/${taskId}/0`;
    expect(image).toEqual({ object_key: `${base}.png`, thumbnail_key: `${base}.thumbnail.webp` });
  });
  behavesWell('in storage');

  it('needs no bytes for a 304', async () => {
    const storage = darkroom.app.get(ObjectStorage);
    const tag = (await get(path)).headers.get('etag')!;
    jest
      .spyOn(storage, 'get')
      .mockImplementation(() => Promise.reject(new Error('not to be asked')));
    expect((await get(path, { 'if-none-match': tag })).status).toBe(304);
    expect((await get(path)).status).toBe(500);
  });

  it('belongs to its owner alone, and so does its task', async () => {
    for (const route of ['generation-status', 'task_status']) {
      expect((await get(`/api/v1/${route}/${taskId}`)).status).toBe(200);
      expect((await darkroom.request(`/api/v1/${route}/${taskId}`)).status).toBe(200);
      await looksUnknown(`/api/v1/${route}/${taskId}`, `/api/v1/${route}/${unknown}`);
    }
  });

  for (const id of [unknown, 'x', '1', '%00', 'x'.repeat(200), `${unknown}0`, "'", '..%2f..%2f']) {
    it(`${id.slice(0, 40)} is unknown: 404`, async () => {
      await problemOf(await get(`/api/v1/images/${id}`), 404, 'not_found');
    });
  }

  it('may be requested with its id in capitals', async () => {
    const id = path.split('/').at(-1)!;
    expect((await get(`/api/v1/images/${id.toUpperCase()}`)).status).toBe(200);
  });

  it('gets 422 for an unknown size or parameter', async () => {
    expect(await badFieldsOf(await get(`${path}?size=huge`))).toEqual(['size']);
    expect(await badFieldsOf(await get(`${path}?width=1`))).toEqual(['width']);
  });
});
