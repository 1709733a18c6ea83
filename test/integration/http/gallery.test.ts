import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import type { Gallery } from '../../../src/features/gallery/gallery.dto.js';
import { ObjectCollector } from '../../../src/features/images/object-collector.js';
import { OldPictures } from '../../../src/features/images/old-pictures.js';
import { deleteObjectsTask } from '../../../src/features/images/images.tasks.js';
import { ObjectStorage, StorageError } from '../../../src/features/storage/object-storage.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { about } from '../../support/about.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { badFieldsOf, problemOf } from '../../support/problem.js';
import { startS3, type TestS3 } from '../../support/s3-server.js';

const run = promisify(execFile);
const small = { width: 64, height: 64, steps: 1 };
const unknown = '01890000-0000-7000-8000-000000000000';

for (const kind of ['disk', 's3'] as const) {
  describe(`the gallery, with pictures on ${kind}`, () => {
    let s3: TestS3 | undefined;
    let darkroom: TestDarkroom;
    let key: string;
    let folder: string;
    beforeAll(async () => {
      if (kind === 's3') s3 = await startS3();
      darkroom = await startDarkroom('postgres', { settings: { s3: s3?.options } });
      key = await darkroom.newUserKey('ann');
      folder = await mkdtemp(join(tmpdir(), 'darkroom-zip-'));
    });
    afterEach(() => {
      jest.restoreAllMocks();
    });
    afterAll(async () => {
      await darkroom?.close();
      await s3?.close();
      await rm(folder, { recursive: true, force: true });
    });

    const call = (verb: string, path: string, body?: unknown, as = key) =>
      darkroom.request(`/api/v1${path}`, {
        method: verb,
        key: as,
        ...(body !== undefined && {
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
      });
    const download = (image_ids: unknown, as = key) =>
      call('POST', '/images/download', { image_ids }, as);
    const storage = () => darkroom.app.get(ObjectStorage);

    async function list(query: Record<string, string> = {}, as = key): Promise<Gallery> {
      const answer = await call(
        'GET',
        `/images?${new URLSearchParams(query).toString()}`,
        undefined,
        as,
      );
      about(await answer.clone().text(), () => expect(answer.status).toBe(200));
      return (await answer.json()) as Gallery;
    }

    async function draw(fields: object, as = key): Promise<{ task: string; ids: string[] }> {
      const posted = await call('POST', '/generate-image', { ...small, ...fields }, as);
      const { task_id: task } = (await posted.json()) as { task_id: string };
      const { result } = await darkroom.finished(task);
      return { task, ids: result!.images.map(({ image_id: id }) => id) };
    }

    const rowsOf = (task: string) =>
      darkroom.database.query<Record<string, string>[]>(
        `SELECT * FROM generated_images WHERE task_id = $1 ORDER BY index`,
        [task],
      );
    const stored = (task: string) =>
      eventually('it is stored', async () => {
        const images = await rowsOf(task);
        return images.every((image) => image['stored_at'] !== null) && images;
      });
    const isGone = (objectKey: string) =>
      eventually(`${objectKey} is gone`, async () => {
        const object = await storage().get(objectKey);
        object?.stream.destroy();
        return object === null;
      });

    /** The names and the bytes of the files in it, once `unzip` has tested it. */
    async function unzipped(answer: Response): Promise<[name: string, bytes: Buffer][]> {
      expect(answer.status).toBe(200);
      expect(answer.headers.get('content-type')).toBe('application/zip');
      const bytes = Buffer.from(await answer.arrayBuffer());
      expect(answer.headers.get('content-length')).toBe(String(bytes.length));
      const to = await mkdtemp(join(folder, 'x-'));
      await writeFile(join(to, 'a.zip'), bytes);
      await run('unzip', ['-t', join(to, 'a.zip')]);
      await run('unzip', ['-d', join(to, 'all'), join(to, 'a.zip')]);
      const names = await readdir(join(to, 'all'));
      return Promise.all(
        names.map(async (name): Promise<[string, Buffer]> => [
          name,
          await readFile(join(to, 'all', name)),
        ]),
      );
    }

    it('packs pictures from the spool and from the storage in one zip file (security 30)', async () => {
      const { task, ids } = await draw({ prompt: '../../etc/passwd', batch_size: 2 });
      await stored(task);
      await darkroom.app.get(TaskHints).of('normal_priority').pause();
      const spooled = await draw({ prompt: 'in the spool' });
      const wanted = [...ids, ...spooled.ids];
      const files = await unzipped(await download([...wanted, ids[0]!.toUpperCase()]));
      await darkroom.app.get(TaskHints).of('normal_priority').resume();
      const rows = [...(await rowsOf(task)), ...(await rowsOf(spooled.task))];
      const hex = (bytes: Buffer | string) => Buffer.from(bytes).toString('hex');
      const found = files.map(([name, bytes]) => [
        /^\d{4}-\d\d-\d\d_([0-9a-f-]{36})\.png$/.exec(name)![1]!,
        createHash('sha256').update(bytes).digest('hex'),
      ]);
      const expected = rows.map(({ id, sha256 }) => [id!, hex(sha256!)]);
      expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected));
      expect(found.length).toBe(3);
    });

    it('packs no picture that is missing or of somebody else: 404 before the first byte (security 7)', async () => {
      const { ids } = await draw({ prompt: 'mine' });
      const bob = await darkroom.newUserKey('bob');
      const theirs = await draw({ prompt: 'yours' }, bob);
      for (const other of [unknown, theirs.ids[0]]) {
        await problemOf(await download([ids[0], other]), 404, 'not_found');
      }
      await problemOf(await download(ids, darkroom.adminKey), 404, 'not_found');
      const many = Array.from({ length: 501 }, () => ids[0]);
      for (const wrong of [[], ['x'], many, 'x', [ids[0], null], undefined]) {
        await badFieldsOf(await download(wrong));
      }
    });

    it('breaks the connection when the storage fails in the middle of a zip file', async () => {
      const { task, ids } = await draw({ prompt: 'a failure', batch_size: 3 });
      await stored(task);
      const real = storage().get.bind(storage());
      let objects = 0;
      const failing = (key_: string) => {
        objects += 1;
        if (objects === 2) throw new StorageError('storage_unavailable', 'away', { cause: null });
        return real(key_);
      };
      jest.spyOn(storage(), 'get').mockImplementation(async (key_) => failing(key_));
      const answer = await download(ids);
      expect(answer.status).toBe(200);
      await expect(answer.arrayBuffer()).rejects.toThrow();
      const half = Readable.from(
        (async function* () {
          yield Buffer.from('x');
          throw new Error('the connection to the storage was lost');
        })(),
      );
      const [image] = await rowsOf(task);
      const bytes = Number(image!['bytes']);
      jest.spyOn(storage(), 'get').mockImplementation(async () => ({ stream: half, bytes }));
      const other = await download(ids);
      await expect(other.arrayBuffer()).rejects.toThrow();
      // Of the wrong length from the start: no byte of it is sent.
      const short = { stream: Readable.from([Buffer.from('x')]), bytes: 1 };
      jest.spyOn(storage(), 'get').mockImplementation(async () => short);
      await problemOf(await download(ids), 500);
      const away = new StorageError('storage_unavailable', 'away', { cause: null });
      jest.spyOn(storage(), 'get').mockImplementation(() => Promise.reject(away));
      await problemOf(await download(ids), 503, 'unavailable');
      jest.restoreAllMocks();
      expect((await unzipped(await download(ids))).length).toBe(3);
    });

    it('reads on only as fast as the client does, and stops when that hangs up', async () => {
      const { task, ids } = await draw({ prompt: 'slow', batch_size: 8 });
      await stored(task);
      // Each has 16 MB now, which no buffer of a connection holds.
      const bytes = 16 * 1024 * 1024;
      await darkroom.database.query(`UPDATE generated_images SET bytes = $2 WHERE task_id = $1`, [
        task,
        bytes,
      ]);
      const streams: Readable[] = [];
      jest.spyOn(storage(), 'get').mockImplementation(async () => {
        const chunks = Array.from({ length: 256 }, () => Buffer.alloc(bytes / 256));
        const stream = Readable.from(chunks, { highWaterMark: 1 });
        streams.push(stream);
        return { stream, bytes };
      });
      const { hostname, port } = new URL(darkroom.url);
      const socket = createConnection({ host: hostname, port: Number(port) });
      const body = JSON.stringify({ image_ids: ids });
      socket.write(
        `POST /api/v1/images/download HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
      await eventually('it is being sent', async () => streams.length > 0);
      // The client reads nothing; the server would have read all by the time that this answers.
      for (let n = 0; n < 20; n++) await list();
      expect(streams.length).toBe(1);
      socket.destroy();
      await eventually('the storage is read no more', async () => streams[0]!.destroyed);
      await list();
      expect(streams.length).toBe(1);
    });

    it('deletes a picture at once, and its objects with a task; the others of its task stay', async () => {
      const { task, ids } = await draw({ prompt: 'to be deleted', batch_size: 2 });
      const [one, other] = await stored(task);
      expect((await call('DELETE', `/images/${ids[0]}`)).status).toBe(204);
      await problemOf(await call('GET', `/images/${ids[0]}`), 404, 'not_found');
      await problemOf(await call('DELETE', `/images/${ids[0]}`), 404, 'not_found');
      for (const name of ['object_key', 'thumbnail_key']) await isGone(one![name]!);
      expect((await call('GET', `/images/${ids[1]}`)).status).toBe(200);
      expect(Buffer.from(other!['sha256']!).length).toBe(32);
    });

    it('deletes a picture in the spool, and what an upload at that moment leaves is collected', async () => {
      let reached = () => {};
      let release = () => {};
      const begun = new Promise<void>((resolve) => (reached = resolve));
      const end = new Promise<void>((resolve) => (release = resolve));
      const put = storage().put.bind(storage());
      jest.spyOn(storage(), 'put').mockImplementation(async (...object) => {
        reached();
        await end;
        return put(...object);
      });
      const { task, ids } = await draw({ prompt: 'being stored', batch_size: 2 });
      await begun;
      expect((await call('DELETE', `/images/${ids[0]}`)).status).toBe(204);
      const left = await darkroom.database.query<unknown[]>(
        `SELECT FROM image_spool WHERE image_id = $1`,
        [ids[0]],
      );
      expect(left).toEqual([]);
      release();
      await stored(task);
      const lost = `images/${task}/0.thumbnail.webp`;
      await eventually('the upload has left an object', async () => {
        const object = await storage().get(lost);
        object?.stream.destroy();
        return object !== null;
      });
      const collector = darkroom.app.get(ObjectCollector);
      const later = Date.now() + 2 * 86_400_000;
      jest.spyOn(collector, 'now').mockReturnValue(later);
      expect((await collector.collect(new AbortController().signal)).deleted).toBe(2);
      await isGone(lost);
      expect((await call('GET', `/images/${ids[1]}`)).status).toBe(200);
    });

    it('an outage of the storage only delays the deletion of objects', async () => {
      const { task, ids } = await draw({ prompt: 'during an outage' });
      const [image] = await stored(task);
      const away = new StorageError('storage_unavailable', 'away', { cause: null });
      jest.spyOn(storage(), 'delete').mockImplementation(() => Promise.reject(away));
      expect((await call('DELETE', `/images/${ids[0]}`)).status).toBe(204);
      const waiting = await eventually('it waits', async () => {
        const [row] = await darkroom.database.query<{ id: string }[]>(
          `SELECT id FROM tasks WHERE name = $1 AND state = 'RETRY'`,
          [deleteObjectsTask.name],
        );
        return row;
      });
      jest.restoreAllMocks();
      await darkroom.database.query(`UPDATE tasks SET run_at = now() WHERE id = $1`, [waiting.id]);
      await darkroom.app.get(TaskHints).promote('low_priority', waiting.id);
      await isGone(image!['object_key']!);
      const result = darkroom.app.get(TaskClient).result(waiting.id, deleteObjectsTask);
      expect(await result.get({ timeoutMs: 30_000 })).toEqual({ deleted: 2 });
    });
  });
}

describe('the gallery', () => {
  let darkroom: TestDarkroom;
  let key: string;
  let owner: string;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', {
      settings: {
        plans: {
          ...(await plansWith({ standard: null, unlimited: null })),
          month: { ...(await plansWith({ standard: 30, unlimited: null })).standard },
        },
      },
    });
    key = await darkroom.newUserKey('ann');
    owner = (await userIdOf('ann'))!;
  });
  afterAll(() => darkroom.close());

  async function plansWith(days: { standard: number | null; unlimited: number | null }) {
    const { readEnvironment } = await import('../../../src/config/environment.js');
    const { plans } = readEnvironment({});
    return {
      standard: { ...plans.standard, picture_retention_days: days.standard },
      unlimited: { ...plans.unlimited, picture_retention_days: days.unlimited },
    };
  }

  const userIdOf = async (name: string) => {
    const rows = await darkroom.database.query<{ id: string }[]>(
      `SELECT id FROM users WHERE name = $1`,
      [name],
    );
    return rows[0]?.id;
  };
  const get = (query: Record<string, string> | string, as = key) =>
    darkroom.request(`/api/v1/images?${new URLSearchParams(query).toString()}`, { key: as });
  async function list(query: Record<string, string> = {}, as = key): Promise<Gallery> {
    const answer = await get(query, as);
    about(await answer.clone().text(), () => expect(answer.status).toBe(200));
    return (await answer.json()) as Gallery;
  }
  const idsOf = async (query: Record<string, string>) =>
    (await list(query)).images.map(({ image_id: id }) => id);

  interface Row {
    prompt?: string;
    at?: string;
    model?: string;
    character?: string;
    chat?: string;
    favourite?: boolean;
    ownerId?: string;
  }
  async function picture(row: Row): Promise<string> {
    const id = uuidv7();
    await darkroom.database.query(
      `INSERT INTO generated_images (id, task_id, owner_id, index, width, height, content_type, bytes, sha256,
              seed, created_at, prompt, model, character_name, chat_id, favourite)
       VALUES ($1, $2, $3, 0, 64, 64, 'image/png', 1, '\\x00', 1, $4, $5, $6, $7, $8, $9)`,
      [
        id,
        uuidv7(),
        row.ownerId ?? owner,
        row.at ?? new Date(),
        row.prompt ?? 'a prompt',
        row.model ?? null,
        row.character ?? null,
        row.chat ?? null,
        row.favourite ?? false,
      ],
    );
    return id;
  }

  it('shows a picture with what it was asked for, even when its task is gone', async () => {
    const fields = {
      prompt: 'a fox',
      negative_prompt: 'blur',
      character_name: 'Ada',
      chat_id: 'c 1',
    };
    const posted = await darkroom.post(
      '/api/v1/generate-image',
      { ...small, ...fields, batch_size: 2 },
      { authorization: `Bearer ${key}` },
    );
    const { task_id: task } = (await posted.json()) as { task_id: string };
    const { result } = await darkroom.finished(task);
    await darkroom.database.query(`DELETE FROM tasks WHERE id = $1`, [task]);
    const { images } = await list({ chat_id: 'c 1' });
    expect(images.length).toBe(2);
    const [, first] = images.toSorted((a, b) => b.index - a.index);
    expect(first).toEqual({
      ...result!.images[0],
      ...fields,
      task_id: task,
      model: result!.model,
      favourite: false,
      created_at: expect.stringMatching(/^\d{4}-.*Z$/),
    });
    expect((await list({}, await darkroom.newUserKey('nobody'))).images).toEqual([]);
  });

  it('is filtered by model, character, conversation, time and favourites', async () => {
    const [a, b, c] = [
      await picture({ model: 'm1', character: 'Eve', chat: 'x', at: '2020-01-01T10:00:00Z' }),
      await picture({ model: 'm2', character: 'Eve', chat: 'y', at: '2020-01-02T00:00:00Z' }),
      await picture({ model: 'm2', chat: 'y', at: '2020-01-02T12:00:00.123Z', favourite: true }),
    ];
    expect(await idsOf({ character_name: 'Eve' })).toEqual([b, a]);
    expect(await idsOf({ model: 'm2' })).toEqual([c, b]);
    expect(await idsOf({ model: 'm2', character_name: 'Eve' })).toEqual([b]);
    expect(await idsOf({ chat_id: 'y', favourite: 'true' })).toEqual([c]);
    expect(await idsOf({ chat_id: 'y', favourite: 'false' })).toEqual([b]);
    const before = { to: '2020-02-01' };
    expect(await idsOf({ from: '2020-01-02', ...before })).toEqual([c, b]);
    expect(await idsOf({ to: '2020-01-02' })).toEqual([a]);
    expect(await idsOf({ to: '2020-01-02T02:00:00.001+02:00' })).toEqual([b, a]);
    expect(await idsOf({ from: '2020-01-02T12:00:00.123Z', ...before })).toEqual([c]);
    expect(await idsOf({ from: '2020-01-02T12:00:00.124Z', ...before })).toEqual([]);
    expect(await idsOf({ model: 'no such model' })).toEqual([]);
  });

  it('finds words of a prompt in any of their forms, in English and Russian', async () => {
    const [fox, house, moths] = [
      await picture({ prompt: 'Two red foxes, long_hair, black/white, unreal.engine 8k' }),
      await picture({ prompt: 'Жёлтые дома на закате' }),
      await picture({ prompt: 'ein schönes Häuschen, red moths (masterpiece:1.2)' }),
    ];
    const all = [fox, house, moths];
    const found = async (q: string) => {
      const ids = await idsOf({ q });
      return all.filter((id) => ids.includes(id));
    };
    for (const q of ['fox', 'FOXES red', 'hair', 'white', 'engine', '8k', '"red fox"']) {
      const now = await found(q);
      about(q, () => expect(now).toEqual([fox]));
    }
    const expected: Record<string, string[]> = {
      'red -fox': [moths],
      'red fox': [fox],
      'fox or moth': [fox, moths],
      '"fox red"': [],
      дом: [house],
      'желтый дом': [house],
      закаты: [house],
      häuschen: [moths],
      masterpiece: [moths],
      'black/white': [fox],
      'red - fox': [fox],
      '--fox red': [moths],
      лиса: [],
    };
    for (const [q, ids] of Object.entries(expected)) {
      const now = await found(q);
      about(q, () => expect(now).toEqual(ids));
    }
  });

  it('takes any words: operators, punctuation and hostile text (security 27)', async () => {
    const odd = [
      '& | ! <->', ':*', "'", '"', '-"', '((', 'or', 'and or not', '\\', '%', '_', '\u0001', '😀',
      "'; DROP TABLE users --", '{}', '-'.repeat(200), '"'.repeat(200), 'a:b:c & !d', 'the',
      '\u202e', '<script>', '$1', ':q', ':owner', 'a\tb\nc',
    ]; // prettier-ignore
    for (const q of odd) {
      const answer = await get({ q });
      about(`${q}: ${await answer.text()}`, () => expect(answer.status).toBe(200));
    }
    const wrong: [query: string, field: string][] = [
      ['q=', 'q'],
      [`q=${'x'.repeat(201)}`, 'q'],
      ['q=%00', 'q'],
      ['model=%00', 'model'],
      ['favourite=maybe', 'favourite'],
      ['from=yesterday', 'from'],
      ['to=2020-13-01', 'to'],
      ['from=2020-01-01T00:00:00', 'from'],
      ['limit=0', 'limit'],
      ['limit=201', 'limit'],
      ['owner=x', 'owner'],
      ['cursor=x', 'cursor'],
      [`cursor=${unknown}`, 'cursor'],
      [`cursor=2020-99-99T00:00:00.000Z_${unknown}`, 'cursor'],
      [`cursor=2020-01-01T00:00:00.000Z_${unknown}'`, 'cursor'],
    ];
    for (const [query, field] of wrong) {
      const fields = await badFieldsOf(await get(query));
      about(query, () => expect(fields).toEqual([field]));
    }
    for (const at of ['0000-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z']) {
      expect((await get({ cursor: `${at}_${unknown}`, from: at, to: at })).status).toBe(200);
    }
  });

  it('has pages, the newest first, and loses and repeats none', async () => {
    const pager = await darkroom.newUserKey('pager');
    const ownerId = (await userIdOf('pager'))!;
    const ids: string[] = [];
    // Several have the same time.
    for (let n = 0; n < 23; n++) {
      const at = `2021-01-01T00:00:0${Math.floor(n / 5)}Z`;
      ids.push(await picture({ ownerId, at }));
    }
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Gallery = await list({ limit: '5', ...(cursor !== null && { cursor }) }, pager);
      seen.push(...page.images.map(({ image_id: id }) => id));
      cursor = page.next_cursor;
      // The last one of a page is deleted meanwhile; a new one comes before the first page.
      await darkroom.database.query(`DELETE FROM generated_images WHERE id = $1`, [seen.at(-1)]);
      await picture({ ownerId });
    } while (cursor !== null);
    expect(seen).toEqual(ids.toReversed());
  });

  it('keeps favourites, and setting them again changes nothing', async () => {
    const id = await picture({ prompt: 'loved' });
    const set = (method: string, as = key) =>
      darkroom.request(`/api/v1/images/${id}/favourite`, { method, key: as });
    const isFavourite = async () => (await list({ q: 'loved' })).images[0]!.favourite;
    expect([(await set('PUT')).status, (await set('PUT')).status]).toEqual([204, 204]);
    expect(await isFavourite()).toBe(true);
    await problemOf(await set('DELETE', await darkroom.newUserKey('bob')), 404, 'not_found');
    expect(await isFavourite()).toBe(true);
    expect([(await set('DELETE')).status, (await set('DELETE')).status]).toEqual([204, 204]);
    expect(await isFavourite()).toBe(false);
  });

  it('old pictures go by the plan of their owner; favourites and those of other plans stay', async () => {
    const long = new Date(Date.now() - 31 * 86_400_000).toISOString();
    const lately = new Date(Date.now() - 29 * 86_400_000).toISOString();
    await darkroom.newUserKey('monthly');
    await darkroom.newUserKey('former');
    const [monthly, former] = [(await userIdOf('monthly'))!, (await userIdOf('former'))!];
    await darkroom.database.query(
      `UPDATE users SET plan = CASE name WHEN 'monthly' THEN 'month' ELSE 'gone' END
        WHERE name IN ('monthly', 'former')`,
    );
    const due: string[] = [];
    // More than one batch.
    for (let n = 0; n < 205; n++) due.push(await picture({ ownerId: monthly, at: long }));
    const kept = [
      await picture({ ownerId: monthly, at: long, favourite: true }),
      await picture({ ownerId: monthly, at: lately }),
      await picture({ at: long }),
      await picture({ ownerId: former, at: long }),
    ];
    const [one, other] = await Promise.all(
      [1, 2].map(() => darkroom.app.get(OldPictures).delete(new AbortController().signal)),
    );
    expect(one! + other!).toBe(205);
    const left = await darkroom.database.query<{ id: string }[]>(
      `SELECT id FROM generated_images WHERE id = ANY($1)`,
      [[...due, ...kept]],
    );
    expect(left.map(({ id }) => id).toSorted()).toEqual(kept.toSorted());
  });
});
