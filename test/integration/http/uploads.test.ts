import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import sharp from 'sharp';
import { deleteOldDataTask } from '../../../src/features/maintenance/maintenance.tasks.js';
import { ObjectStorage } from '../../../src/features/storage/object-storage.js';
import { Spool } from '../../../src/features/stored-files/spool.js';
import { StoredFiles } from '../../../src/features/stored-files/stored-files.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { about } from '../../support/about.js';
import { startDarkroom, type TestDarkroom, type TestRequest } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { badFieldsOf, problemOf } from '../../support/problem.js';

interface Upload {
  upload_id: string;
  url: string;
  width: number;
  height: number;
  content_type: string;
  bytes: number;
  sha256: string;
  expires_at: string | null;
}

const path = '/api/v1/uploads';
const limit = 200_000;
/** Of another colour each time, so that no picture is there already. */
let pictures = 0;
const picture = (width = 40, height = 20) =>
  sharp({ create: { width, height, channels: 3, background: { r: 9, g: 9, b: ++pictures } } });

describe('an upload', () => {
  let darkroom: TestDarkroom;
  let owner: string;
  let stranger: string;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', {
      settings: { uploadMaxBytes: limit, uploadQuota: { files: 40, bytes: 1_000_000 } },
    });
    owner = await darkroom.newUserKey('owner');
    stranger = await darkroom.newUserKey('stranger');
  });
  afterAll(() => darkroom.close());

  const post = (body: RequestInit['body'], type?: string, key = owner) =>
    darkroom.request(path, {
      method: 'POST',
      body,
      key,
      headers: { ...(type !== undefined && { 'content-type': type }) },
    });
  const sent = (bytes: Buffer, type = 'image/png', key = owner) =>
    post(new Uint8Array(bytes), type, key);
  const form = (...parts: [name: string, value: Buffer | string][]) => {
    const data = new FormData();
    for (const [name, value] of parts) {
      if (typeof value === 'string') data.append(name, value);
      else data.append(name, new Blob([new Uint8Array(value)]), '../../<svg>.html');
    }
    return data;
  };
  const kept = async (answer: Response): Promise<Upload> => {
    about(await answer.clone().text(), () => expect(answer.status).toBe(201));
    return (await answer.json()) as Upload;
  };
  const read = async (url: string) => {
    const answer = await darkroom.request(url, { key: owner });
    expect(answer.status).toBe(200);
    return Buffer.from(await answer.arrayBuffer());
  };
  const objectOf = (id: string, extension = 'png') =>
    darkroom.app.get(ObjectStorage).get(`uploads/${id}/picture.${extension}`);
  const isStored = (id: string) =>
    eventually('it is stored', async () => {
      const [row] = await darkroom.database.query(
        'SELECT stored_at FROM stored_files WHERE id = $1',
        [id],
      );
      return row.stored_at !== null;
    });

  for (const type of ['png', 'jpeg', 'webp'] as const) {
    it(`of a ${type} is read back as it is described, from the spool and from storage`, async () => {
      await darkroom.app.get(TaskHints).of('normal_priority').pause();
      const upload = await kept(await sent(await picture().toFormat(type).toBuffer()));
      expect([upload.width, upload.height]).toEqual([40, 20]);
      expect(upload.content_type).toBe(`image/${type}`);
      const spooled = await read(upload.url);
      await darkroom.app.get(TaskHints).of('normal_priority').resume();
      await isStored(upload.upload_id);
      const bytes = await read(upload.url);
      expect(bytes.equals(spooled)).toBe(true);
      expect(bytes.length).toBe(upload.bytes);
      expect(createHash('sha256').update(bytes).digest('hex')).toBe(upload.sha256);
      (await objectOf(upload.upload_id, type === 'jpeg' ? 'jpg' : type))!.stream.destroy();
    });
  }

  it('comes as the one file of a form, whatever it is called', async () => {
    const upload = await kept(await post(form(['file', await picture().png().toBuffer()])));
    expect(JSON.stringify(upload)).not.toMatch(/svg|html/);
    const bytes = await picture().png().toBuffer();
    for (const parts of [
      form(['file', bytes], ['file', bytes]),
      form(['file', bytes], ['note', 'hello']),
      form(['note', 'hello'], ['file', bytes]),
      form(['picture', bytes]),
      form(['file', 'no file']),
      form(),
    ]) {
      expect(await badFieldsOf(await post(parts))).toEqual(['file']);
    }
    expect(await badFieldsOf(await post(null))).toEqual(['file']);
  });

  it('is a new file of the pixels: upright, without EXIF, profiles and what follows (security 33)', async () => {
    const exif = { IFD0: { Copyright: 'CANARY-EXIF' }, IFD3: { GPSLatitude: '51/1 30/1 0/1' } };
    const turned = await picture()
      .withExif(exif)
      .withIccProfile('p3')
      .withXmp('<x:xmpmeta xmlns:x="adobe:ns:meta/">CANARY-XMP</x:xmpmeta>')
      .withMetadata({ orientation: 6, exif })
      .jpeg()
      .toBuffer();
    const polyglot = Buffer.concat([turned, Buffer.from('<script>CANARY-HTML</script>')]);
    expect((await sharp(polyglot).metadata()).orientation).toBe(6);
    const upload = await kept(await sent(polyglot, 'image/jpeg'));
    expect([upload.width, upload.height]).toEqual([20, 40]);
    const bytes = await read(upload.url);
    const { exif: left, icc, xmp, orientation } = await sharp(bytes).metadata();
    expect([left, icc, xmp, orientation]).toEqual([undefined, undefined, undefined, undefined]);
    expect(bytes.toString('latin1')).not.toMatch(/CANARY|script/);
  });

  it('of an animation keeps the first picture', async () => {
    const frames = await Promise.all([noise(20), noise(20)].map((frame) => frame.png().toBuffer()));
    const animated = await sharp(frames, { join: { animated: true } })
      .webp()
      .toBuffer();
    expect((await sharp(animated).metadata()).pages).toBe(2);
    const upload = await kept(await sent(animated, 'image/webp'));
    expect((await sharp(await read(upload.url)).metadata()).pages).toBe(undefined);
  });

  const other: Record<string, () => Promise<Buffer> | Buffer> = {
    'an SVG': () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    'a page': () => Buffer.from('<!doctype html><script>alert(1)</script>'),
    'a PDF': () => Buffer.from('%PDF-1.7\n%…'),
    'a GIF': () => picture().gif().toBuffer(),
    'a TIFF': () => picture().tiff().toBuffer(),
    'an AVIF': () => picture().avif().toBuffer(),
    nothing: () => Buffer.alloc(0),
    'a PNG of nothing': () => Buffer.from('89504e470d0a1a0a', 'hex'),
    'half a PNG': async () => half(await noise(100).png().toBuffer()),
    'half a JPEG': async () => half(await noise(100).jpeg().toBuffer()),
    'half a WebP': async () => half(await noise(100).webp().toBuffer()),
  };
  for (const [what, make] of Object.entries(other)) {
    it(`of ${what} is refused, whatever it is said to be (security 33)`, async () => {
      const bytes = await make();
      await problemOf(await sent(bytes, 'image/png'), 422, 'invalid_picture');
      await problemOf(await post(form(['file', bytes])), 422, 'invalid_picture');
    });
  }

  it('with too many pixels is refused by its header, before it is decoded (security 33)', async () => {
    const [side, all] = [await bomb(8_193, 1), await bomb(8_000, 8_000)];
    for (const bytes of [side, all]) {
      expect(bytes.length).toBeLessThan(limit);
      const { detail } = await problemOf(await sent(bytes), 422, 'invalid_picture');
      expect(detail).toMatch(/has \d+×\d+ pixels/);
    }
    expect((await sent(await picture(8_192, 1).png().toBuffer())).status).toBe(201);
  });

  it('that is too large is refused, announced or not (security 33)', async () => {
    const bytes = Buffer.alloc(limit + 1, await picture().png().toBuffer());
    await problemOf(await sent(bytes), 413, 'body_too_large');
    await problemOf(await post(form(['file', bytes])), 413, 'body_too_large');
    const chunked = { body: new Blob([new Uint8Array(bytes)]).stream(), duplex: 'half' };
    for (const type of ['image/png', 'multipart/form-data; boundary=x']) {
      const headers = { 'content-type': type };
      const answer = await darkroom.request(path, {
        method: 'POST',
        key: owner,
        ...(type.startsWith('image') ? chunked : { body: formOf(bytes), duplex: 'half' }),
        headers,
      } as TestRequest);
      await problemOf(answer, 413, 'body_too_large');
    }
  });

  it('that grows too large as a new file is refused', async () => {
    const small = await noise(900).webp({ quality: 1 }).toBuffer();
    expect(small.length).toBeLessThan(limit);
    const { detail } = await problemOf(await sent(small), 422, 'invalid_picture');
    expect(detail).toMatch(/encoded again/);
  });

  it('in another type, or a damaged form, is refused (security 42)', async () => {
    for (const type of ['application/json', 'image/svg+xml', 'image/gif', 'multipart/mixed']) {
      await problemOf(await post('{}', type), 415, 'unsupported_media_type');
    }
    await problemOf(await post('x', 'multipart/form-data'), 400, 'malformed_request');
    const cut = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc';
    await problemOf(await post(cut, 'multipart/form-data; boundary=x'), 400, 'malformed_request');
  });

  it('of the same picture again is the same upload, and is kept for longer', async () => {
    const bytes = await picture().png().toBuffer();
    const first = await kept(await sent(bytes));
    await darkroom.database.query(
      `UPDATE stored_files SET expires_at = now() + interval '1 minute' WHERE id = $1`,
      [first.upload_id],
    );
    const again = await sent(bytes);
    expect(again.status).toBe(200);
    expect(await again.json()).toEqual({ ...first, expires_at: expect.any(String) });
    const listed = (await (await darkroom.request(path, { key: owner })).json()) as {
      uploads: Upload[];
    };
    const found = listed.uploads.filter(({ upload_id }) => upload_id === first.upload_id);
    expect(
      found.map(({ expires_at }) => new Date(expires_at!) > new Date(Date.now() + 6e8)),
    ).toEqual([true]);
    // Another user has one of their own.
    expect((await kept(await sent(bytes, 'image/png', stranger))).upload_id).not.toBe(
      first.upload_id,
    );
  });

  it('is listed page by page, the newest first, to its owner only', async () => {
    const key = await darkroom.newUserKey('lister');
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      ids.unshift(
        (await kept(await sent(await picture().png().toBuffer(), 'image/png', key))).upload_id,
      );
    }
    const page = async (query: string) =>
      (await (await darkroom.request(`${path}?${query}`, { key })).json()) as {
        uploads: Upload[];
        next_cursor: string | null;
      };
    const first = await page('limit=2');
    const rest = await page(`limit=2&cursor=${first.next_cursor!}`);
    expect([...first.uploads, ...rest.uploads].map(({ upload_id }) => upload_id)).toEqual(ids);
    expect(rest.next_cursor).toBe(null);
  });

  it('is deleted with its object, and by nobody else', async () => {
    const { upload_id: id, url } = await kept(await sent(await picture().png().toBuffer()));
    await isStored(id);
    const remove = (key: string) => darkroom.request(url, { method: 'DELETE', key });
    await problemOf(await remove(stranger), 404, 'not_found');
    await problemOf(await darkroom.request(url, { key: stranger }), 404, 'not_found');
    expect((await remove(owner)).status).toBe(204);
    await problemOf(await darkroom.request(url, { key: owner }), 404, 'not_found');
    expect(await objectOf(id)).toBe(null);
    await problemOf(await remove(owner), 404, 'not_found');
  });

  it('that has expired is gone at once, and its row at night', async () => {
    const { upload_id: id, url } = await kept(await sent(await picture().png().toBuffer()));
    await darkroom.database.query('UPDATE stored_files SET expires_at = now() WHERE id = $1', [id]);
    await problemOf(await darkroom.request(url, { key: owner }), 404, 'not_found');
    const client = darkroom.app.get(TaskClient);
    const night = await client.send(darkroom.database.manager, deleteOldDataTask, null);
    expect((await night.get({ timeoutMs: 30_000 }))!['stored_files']).toBe(1);
  });

  it('goes with its user, and so does its object', async () => {
    const key = await darkroom.newUserKey('leaver');
    const { upload_id: id } = await kept(
      await sent(await picture().png().toBuffer(), 'image/png', key),
    );
    await isStored(id);
    const [{ owner_id }] = await darkroom.database.query(
      'SELECT owner_id FROM stored_files WHERE id = $1',
      [id],
    );
    const left = await darkroom.request(`/api/v1/users/${owner_id}`, { method: 'DELETE' });
    expect(left.status).toBe(202);
    await eventually('it is gone', async () => {
      const rows = await darkroom.database.query('SELECT FROM stored_files WHERE id = $1', [id]);
      return rows.length === 0;
    });
    await eventually('its object is gone', async () => (await objectOf(id)) === null);
  });

  it('is one of as many as a user may have, exactly, however many come at once', async () => {
    const key = await darkroom.newUserKey('many');
    const most = 40;
    const all = await Promise.all(
      Array.from({ length: most + 5 }, () => picture(2, 2).png().toBuffer()),
    );
    const answers: number[] = [];
    const left = [...all];
    const lane = async () => {
      for (let bytes = left.pop(); bytes; bytes = left.pop()) {
        answers.push((await sent(bytes, 'image/png', key)).status);
      }
    };
    await Promise.all([lane(), lane()]);
    expect(answers.filter((status) => status === 201).length).toBe(most);
    expect(answers.filter((status) => status === 409).length).toBe(5);
    await problemOf(
      await sent(await picture().png().toBuffer(), 'image/png', key),
      409,
      'too_many_uploads',
    );
    // One that is there already takes no place.
    expect((await sent(all.at(-1)!, 'image/png', key)).status).toBe(200);
  });

  it('beyond two at once of a user is a 429, and beyond four a 503 (security 21)', async () => {
    const bytes = await picture().png().toBuffer();
    const keys = [owner, stranger];
    const slow = keys.flatMap((key) => [slowly(key, bytes), slowly(key, bytes)]);
    await eventually('all have a place', async () => {
      const answer = await sent(bytes, 'image/png', owner);
      return answer.status === 429 && (await sent(bytes, 'image/png', stranger)).status === 429;
    });
    const third = await darkroom.newUserKey('third');
    const refused = await sent(bytes, 'image/png', third);
    expect(refused.headers.get('retry-after')).toBe('5');
    await problemOf(refused, 503, 'unavailable');
    for (const { end } of slow) end();
    for (const { answer } of slow) expect([200, 201]).toContain((await answer).status);
    expect((await sent(bytes, 'image/png', third)).status).toBe(201);
  });

  it('whose client hangs up leaves its place', async () => {
    const bytes = await picture().png().toBuffer();
    const slow = [slowly(owner, bytes), slowly(owner, bytes)];
    const status = async () => (await sent(bytes)).status;
    await eventually('they have their places', async () => (await status()) === 429);
    for (const { answer, hangUp } of slow) {
      hangUp();
      await expect(answer).rejects.toThrow();
    }
    await eventually('there is a place', async () => (await status()) !== 429);
  });

  it('is refused while the spool is full', async () => {
    const full = await startDarkroom('postgres', {
      settings: { spoolMaxBytes: 1 },
      workers: false,
    });
    try {
      const data = form(['file', await picture().png().toBuffer()]);
      const send = () => full.request(path, { method: 'POST', body: data });
      expect((await send()).status).toBe(201);
      const answer = await eventually('it is full', async () => {
        const now = await send();
        return now.status === 503 && now;
      });
      expect(answer.headers.get('retry-after')).toBe('60');
      await problemOf(answer, 503, 'storage_full');
      const status = (await (await full.request('/api/v1/admin/storage')).json()) as {
        spool: { files: number; bytes: number; max_bytes: number; oldest_at: string };
      };
      expect(status.spool.files).toBe(1);
      expect(status.spool.bytes).toBeGreaterThan(50);
      expect(status.spool.max_bytes).toBe(1);
      expect(new Date(status.spool.oldest_at).getTime()).toBeLessThanOrEqual(Date.now() + 60_000);
    } finally {
      await full.close();
    }
  });

  /** Of the owner, as a task makes it. */
  async function addFile(bytes: Buffer): Promise<{ id: string; url: string }> {
    const [{ id: ownerId }] = await darkroom.database.query(
      `SELECT id FROM users WHERE name = 'owner'`,
    );
    const file = { ownerId, bytes, contentType: 'text/html', name: 'report.html' };
    const { id } = await darkroom.database.transaction((tx) =>
      darkroom.app.get(StoredFiles).add(tx, file),
    );
    return { id, url: `/api/v1/files/${id}` };
  }

  it('or a file needs no bytes for a 304, in the spool and in storage', async () => {
    await darkroom.app.get(TaskHints).of('normal_priority').pause();
    const { id, url } = await addFile(Buffer.from('day,pictures'));
    const upload = await kept(await sent(await picture().png().toBuffer()));
    const fromSpool = jest.spyOn(darkroom.app.get(Spool), 'open');
    const fromStorage = jest.spyOn(darkroom.app.get(ObjectStorage), 'get');
    const knownAlready = async () => {
      for (const each of [url, upload.url]) {
        const full = await darkroom.request(each, { key: owner });
        await full.arrayBuffer();
        const reads = fromSpool.mock.calls.length + fromStorage.mock.calls.length;
        const tag = full.headers.get('etag')!;
        const headers = { 'if-none-match': tag };
        const answer = await darkroom.request(each, { key: owner, headers });
        expect([answer.status, answer.headers.get('etag')]).toEqual([304, tag]);
        expect((await answer.arrayBuffer()).byteLength).toBe(0);
        expect(fromSpool.mock.calls.length + fromStorage.mock.calls.length).toBe(reads);
      }
    };
    await knownAlready();
    expect([fromSpool.mock.calls.length, fromStorage.mock.calls.length]).toEqual([2, 0]);
    await darkroom.app.get(TaskHints).of('normal_priority').resume();
    for (const stored of [id, upload.upload_id]) await isStored(stored);
    await knownAlready();
    expect(fromStorage.mock.calls.length).toBe(2);
    jest.restoreAllMocks();
  });

  it('is no file, and a file that a task has made is saved, not shown', async () => {
    const page = Buffer.from('<script>alert(1)</script>');
    const { id, url } = await addFile(page);
    const answer = await darkroom.request(url, { key: owner });
    expect(answer.headers.get('content-disposition')).toBe('attachment');
    expect(answer.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
    expect(await answer.text()).toBe(String(page));
    await isStored(id);
    expect(await (await darkroom.request(url, { key: owner })).text()).toBe(String(page));
    await problemOf(await darkroom.request(url, { key: stranger }), 404, 'not_found');
    await problemOf(await darkroom.request(`${path}/${id}`, { key: owner }), 404, 'not_found');
  });

  /** A request whose body does not end yet. */
  function slowly(key: string, bytes: Buffer) {
    let controller!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({ start: (c) => void (controller = c) });
    controller.enqueue(new Uint8Array(bytes.subarray(0, 20)));
    const abort = new AbortController();
    const answer = darkroom.request(path, {
      method: 'POST',
      key,
      body,
      duplex: 'half',
      signal: abort.signal,
      headers: { 'content-type': 'image/png' },
    });
    const end = () => {
      controller.enqueue(new Uint8Array(bytes.subarray(20)));
      controller.close();
    };
    return { answer, end, hangUp: () => abort.abort() };
  }
});

const half = (bytes: Buffer) => bytes.subarray(0, bytes.length / 2);

function noise(side: number) {
  const raw = { width: side, height: side, channels: 3 as const };
  return sharp({
    create: { ...raw, background: 'black', noise: { type: 'gaussian', mean: 128, sigma: 90 } },
  });
}

/** A small file that says of itself to have very many pixels. */
async function bomb(width: number, height: number): Promise<Buffer> {
  const bytes = await picture().png().toBuffer();
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}

function formOf(bytes: Buffer): ReadableStream {
  const head = '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
  return new Blob([head, new Uint8Array(bytes), '\r\n--x--\r\n']).stream();
}
