import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { addNumbersTask } from '../../../src/features/calculate/calculate.tasks.js';
import { collectObjectsTask } from '../../../src/features/images/images.tasks.js';
import { ObjectCollector } from '../../../src/features/images/object-collector.js';
import { ObjectStorage } from '../../../src/features/storage/object-storage.js';
import { S3ObjectStorage } from '../../../src/features/storage/s3-object-storage.js';
import { StoredFiles } from '../../../src/features/stored-files/stored-files.js';
import { StorageStatus } from '../../../src/features/uploads/storage-status.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { startS3, type TestS3 } from '../../support/s3-server.js';
import { assertSound } from '../../support/soundness.js';

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
  const report = () => darkroom.app.get(StorageStatus).report();
  const putOffFor = (time: string) =>
    darkroom.database.query(
      `UPDATE tasks SET run_at = now() + $1::interval
        WHERE name = 'upload_to_cloud_task' AND finished_at IS NULL`,
      [time],
    );
  const collect = async () => {
    const client = darkroom.app.get(TaskClient);
    const sent = await client.send(darkroom.database.manager, collectObjectsTask, null);
    return sent.get({ timeoutMs: 30_000 });
  };
  const addFile = () =>
    darkroom.database.transaction((tx) =>
      darkroom.app.get(StoredFiles).add(tx, {
        ownerId: uuidv7(),
        bytes: Buffer.from('day,pictures'),
        contentType: 'text/csv',
        name: 'report.csv',
      }),
    );
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
    await allStored();
    expect((await bytesOf(url)).equals(spooled)).toBe(true);
  });

  it('an outage costs no picture and no retry, and nothing else waits for its end', async () => {
    await s3.stop();
    const pictures = [];
    for (let n = 0; n < 12; n++) pictures.push(await draw());
    await eventually('the uploads are put off', async () => (await report()).put_off === 12);
    const before = await Promise.all(pictures.map(({ url }) => bytesOf(url)));
    const sent = await darkroom.app
      .get(TaskClient)
      .send(darkroom.database.manager, addNumbersTask, { x: 2, y: 3 });
    expect(await sent.get({ timeoutMs: 30_000 })).toBe(5);
    const { spool, away_since } = await report();
    expect(spool.files).toBe(12);
    expect(spool.bytes).toBe(before.reduce((sum, { length }) => sum + length, 0));
    expect(new Date(away_since!).getTime()).toBeLessThan(Date.now() + 60_000);
    // As after hours: they would look again in ten minutes.
    await putOffFor('10 minutes');
    await s3.start();
    await allStored();
    const after = await Promise.all(pictures.map(({ url }) => bytesOf(url)));
    expect(after.map((bytes, i) => bytes.equals(before[i]!))).toEqual(before.map(() => true));
    expect(await report()).toMatchObject({ put_off: 0, away_since: null, spool: { files: 0 } });
    const [{ retries }] = await darkroom.database.query(
      `SELECT sum(retries)::int AS retries FROM tasks WHERE name = 'upload_to_cloud_task'`,
    );
    expect(retries).toBe(0);
    await assertSound(darkroom);
  });

  it('whose uploads somebody has revoked are sent again at night', async () => {
    await s3.stop();
    await draw();
    await eventually('it is put off', async () => (await report()).put_off === 1);
    const [{ id }] = await darkroom.database.query(
      `SELECT id FROM tasks WHERE name = 'upload_to_cloud_task' AND finished_at IS NULL`,
    );
    await darkroom.app.get(TaskClient).revoke(id as string);
    await s3.start();
    expect((await collect())!.resent).toBe(0);
    await darkroom.database.query(`UPDATE image_spool SET spooled_at = now() - interval '2 hours'`);
    expect((await collect())!.resent).toBe(1);
    await allStored();
    expect((await collect())!.resent).toBe(0);
  });

  it('objects without a picture are collected once they are old, and others stay', async () => {
    const storage = darkroom.app.get(ObjectStorage);
    const { id, url } = await draw();
    await addFile();
    await allStored();
    const lost = ['images', 'files', 'uploads'].map((folder) => `${folder}/${uuidv7()}/0.png`);
    lost.push(`probes/${uuidv7()}`);
    const foreign = ['images/by-hand.png', 'backup/2026.sql'];
    for (const key of [...lost, ...foreign]) await storage.put(key, Buffer.from('x'), 'image/png');
    expect((await collect())!.deleted).toBe(0);
    darkroom.app.get(ObjectCollector).now = () => Date.now() + 2 * 86_400_000;
    expect((await collect())!.deleted).toBe(lost.length);
    for (const key of lost) expect(await storage.get(key)).toBe(null);
    const file = await darkroom.database.query(`SELECT object_key AS key FROM stored_files`);
    for (const key of [...foreign, `images/${id}/0.png`, file[0].key as string]) {
      (await storage.get(key))!.stream.destroy();
    }
    expect((await bytesOf(url)).length).toBeGreaterThan(100);
  });

  it('are sent to the address that browsers reach, if there is one (security 8)', async () => {
    const { url } = await draw();
    await allStored();
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

  it('reach whoever downloads them in a zip file and pauses for longer than the storage waits', async () => {
    const { id, url } = await draw();
    await allStored();
    // More than the buffers of a connection take.
    const large = randomBytes(16 * 2 ** 20);
    const storage = darkroom.app.get(ObjectStorage);
    await storage.put(`images/${id}/0.png`, large, 'image/png');
    await darkroom.database.query(`UPDATE generated_images SET bytes = $2 WHERE task_id = $1`, [
      id,
      large.length,
    ]);
    const idleMs = 200;
    const patience = { connectMs: 5_000, requestMs: 5_000, exchangeMs: 10_000, idleMs };
    const impatient = new S3ObjectStorage(s3.options, patience);
    const get = jest.spyOn(storage, 'get').mockImplementation((key) => impatient.get(key));
    const answer = await darkroom.post('/api/v1/images/download', {
      image_ids: [url.split('/').at(-1)],
    });
    await delay(4 * idleMs);
    const zip = Buffer.from(await answer.arrayBuffer());
    expect(zip.includes(large)).toBe(true);
    expect(zip.length).toBe(Number(answer.headers.get('content-length')));
    get.mockRestore();
    impatient.onApplicationShutdown();
  });

  const allStored = () =>
    eventually('the spool is empty', async () => (await waiting()) === 0, 60_000);
});
