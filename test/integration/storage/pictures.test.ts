import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { collectObjectsTask } from '../../../src/features/images/images.tasks.js';
import { ObjectCollector } from '../../../src/features/images/object-collector.js';
import { ObjectStorage } from '../../../src/features/storage/object-storage.js';
import { S3ObjectStorage } from '../../../src/features/storage/s3-object-storage.js';
import { TaskHints } from '../../../src/tasks/hints/task-hints.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { startS3, type TestS3 } from '../../support/s3-server.js';

const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };

describe('pictures in an S3 storage', () => {
  let s3: TestS3;
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    s3 = await startS3();
    darkroom = await startDarkroom('postgres', { settings: { s3: s3.options } });
  });
  afterAll(async () => {
    await darkroom?.close();
    await s3?.close();
  });

  async function draw(): Promise<{ id: string; url: string }> {
    const posted = await darkroom.post('/api/v1/generate-image', body);
    const { task_id: id } = (await posted.json()) as { task_id: string };
    const { result } = await darkroom.finished(id);
    return { id, url: result!.images[0]!.url };
  }
  const waiting = async () => {
    const [{ n }] = await darkroom.database.query(`SELECT count(*)::int AS n FROM image_spool`);
    return n as number;
  };
  const bytesOf = async (url: string) => {
    const answer = await darkroom.request(url);
    expect(answer.status).toBe(200);
    return Buffer.from(await answer.arrayBuffer());
  };

  it('are read from the spool, then from the bucket, byte for byte', async () => {
    await s3.stop();
    const { url } = await draw();
    const spooled = await bytesOf(url);
    expect(await waiting()).toBe(1);
    await s3.start();
    await runUploads();
    expect((await bytesOf(url)).equals(spooled)).toBe(true);
  });

  it('an outage costs no picture: they are served from the spool, and stored when it is over', async () => {
    await s3.stop();
    const pictures = [await draw(), await draw(), await draw()];
    const before = await Promise.all(pictures.map(({ url }) => bytesOf(url)));
    expect(await waiting()).toBe(3);
    await s3.start();
    await runUploads();
    const after = await Promise.all(pictures.map(({ url }) => bytesOf(url)));
    expect(after.map((bytes, i) => bytes.equals(before[i]!))).toEqual([true, true, true]);
  });

  it('objects without a picture are collected once they are old, and others stay', async () => {
    const storage = darkroom.app.get(ObjectStorage);
    const { id, url } = await draw();
    await runUploads();
    const lost = `images/${uuidv7()}/0.png`;
    const foreign = 'images/by-hand.png';
    for (const key of [lost, foreign]) await storage.put(key, Buffer.from('x'), 'image/png');
    const collect = async () => {
      const client = darkroom.app.get(TaskClient);
      const sent = await client.send(darkroom.database.manager, collectObjectsTask, null);
      return sent.get({ timeoutMs: 30_000 });
    };
    expect((await collect())!.deleted).toBe(0);
    darkroom.app.get(ObjectCollector).now = () => Date.now() + 2 * 86_400_000;
    expect((await collect())!.deleted).toBe(1);
    expect(await storage.get(lost)).toBe(null);
    for (const key of [foreign, `images/${id}/0.png`]) {
      (await storage.get(key))!.stream.destroy();
    }
    expect((await bytesOf(url)).length).toBeGreaterThan(100);
  });

  it('are sent to the address that browsers reach, if there is one (security 8)', async () => {
    const { url } = await draw();
    await runUploads();
    const open = new S3ObjectStorage({ ...s3.options, publicBaseUrl: s3.url });
    const storage = darkroom.app.get(ObjectStorage);
    const links = jest.spyOn(storage, 'link').mockImplementation((key, s) => open.link(key, s));
    const answer = await darkroom.request(url, { redirect: 'manual' });
    expect(answer.status).toBe(302);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const link = new URL(answer.headers.get('location')!);
    expect(link.searchParams.get('X-Amz-Expires')).toBe('300');
    const picture = await fetch(link);
    expect(picture.headers.get('content-type')).toBe('image/png');
    links.mockRestore();
    open.onApplicationShutdown();
    expect(Buffer.from(await picture.arrayBuffer()).equals(await bytesOf(url))).toBe(true);
  });

  /** Uploads that were put off run now, until the spool is empty. */
  async function runUploads(): Promise<void> {
    await eventually('the spool is empty', async () => {
      const [retrying]: [{ id: string }[]] = await darkroom.database.query(
        `UPDATE tasks SET run_at = now() WHERE name = 'upload_to_cloud_task' AND state = 'RETRY'
         RETURNING id`,
      );
      for (const { id } of retrying) {
        await darkroom.app.get(TaskHints).promote('normal_priority', id);
      }
      return (await waiting()) === 0;
    });
  }
});
