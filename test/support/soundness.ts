import { expect } from '@jest/globals';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { OnApplicationShutdown } from '@nestjs/common';
import sharp from 'sharp';
import type { DataSource } from 'typeorm';
import type { S3Environment } from '../../src/config/variables/storage.js';
import { CreditCheck } from '../../src/features/credits/credit-check.js';
import type { ObjectStorage } from '../../src/features/storage/object-storage.js';
import { probeFolder } from '../../src/features/storage/patient-storage.js';
import { openStorage } from '../../src/features/storage/storage.module.js';
import { about } from './about.js';
import { eventually } from './eventually.js';

interface Checked {
  database: DataSource;
  /** Where objects are: on the disk, or in a bucket. */
  settings: { dataDir: string; s3?: S3Environment | undefined };
}

/**
 * What must hold after any fault, once nothing runs any more but schedules: every task is final and
 * leaseless, SUCCESS means exactly its pictures, each stored once and undamaged, as are the files, and nothing else is
 * stored.
 */
export async function assertSound({ database, settings }: Checked): Promise<void> {
  // What follows the end of a generation waits when there is no worker any more.
  const open = await database.query(
    `SELECT id, name, state FROM tasks WHERE (finished_at IS NULL OR lease_until IS NOT NULL)
        AND name NOT IN ('generation_ended_task', 'save_chat_history_task', 'send_email_task')
        AND id NOT IN (SELECT task_id FROM schedule_runs WHERE task_id IS NOT NULL)`,
  );
  expect(open).toEqual([]);
  await assertEffects(database);

  const wrongCount = await database.query(
    `SELECT t.id, t.state, count(i.id)::int AS images FROM tasks t
       LEFT JOIN generated_images i ON i.task_id = t.id
      WHERE t.name = 'generate_image_task' GROUP BY t.id
     HAVING count(i.id) <> CASE t.state WHEN 'SUCCESS' THEN (t.payload->>'batch_size')::int ELSE 0 END`,
  );
  expect(wrongCount).toEqual([]);

  // I4 and I5, and no picture was free.
  expect(await new CreditCheck(database).broken()).toEqual([]);
  const free = await database.query(
    `SELECT id FROM tasks t WHERE name = 'generate_image_task' AND state = 'SUCCESS' AND NOT EXISTS (
        SELECT FROM credit_entries e WHERE e.task_id = t.id AND e.kind = 'capture' AND e.amount > 0)`,
  );
  expect(free).toEqual([]);

  await assertStored({ database, settings });
}

interface StoredRow {
  object_key: string;
  bytes: number;
  sha256: Buffer;
}

/** I3 and I6. */
async function assertStored({ database, settings }: Checked): Promise<void> {
  const storage: ObjectStorage & Partial<OnApplicationShutdown> = await openStorage({
    s3: undefined,
    ...settings,
  });
  const read = async ({ object_key, bytes: length, sha256 }: StoredRow) => {
    const object = await storage.get(object_key);
    about(object_key, () => expect(object).not.toBe(null));
    const bytes = await buffer(object!.stream);
    expect(bytes.length).toBe(length);
    expect(createHash('sha256').update(bytes).digest().equals(sha256)).toBe(true);
    return bytes;
  };
  const images = await database.query(`SELECT * FROM generated_images`);
  for (const image of images) {
    const bytes = await read(image);
    const { width, height } = await sharp(bytes).metadata();
    expect([width, height]).toEqual([image.width, image.height]);
    await sharp(bytes).stats();
  }
  const files = await database.query(`SELECT object_key, bytes, sha256 FROM stored_files`);
  for (const file of files) await read(file);
  const named = [...images, ...files].flatMap((row: Record<string, string | undefined>) => [
    row['object_key'],
    row['thumbnail_key'],
  ]);
  const there = settings.s3
    ? await keysIn(storage)
    : await filesBelow(join(settings.dataDir, 'objects'));
  expect(there.filter((key) => !named.includes(key))).toEqual([]);
  storage.onApplicationShutdown?.();
}

/** Without what a probe has left, which is collected at night. */
async function keysIn(storage: ObjectStorage): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of storage.list('')) {
    if (!key.startsWith(probeFolder)) keys.push(key);
  }
  return keys;
}

/** Each generation is in its conversation once (I8), and whoever wants a mail of it has got one (I7). */
async function assertEffects(database: DataSource): Promise<void> {
  await eventually('the effects of each generation are there, once', async () => {
    const wrong = await database.query(
      `SELECT FROM (
         SELECT (t.payload ? 'chat_id')::int AS chats,
                coalesce(t.payload->'notify_email' = 'true' AND u.email IS NOT NULL, false)::int AS wishes,
                (SELECT count(*) FROM chat_messages m WHERE m.task_id = t.id) AS messages,
                (SELECT count(*) FROM mails m WHERE m.key = t.id::text AND m.state = 'sent') AS mails
           FROM tasks t JOIN users u ON u.id = t.owner_id
          WHERE t.name = 'generate_image_task' AND t.state <> 'REVOKED') AS generation
        WHERE messages <> chats OR mails <> wishes`,
    );
    return wrong.length === 0;
  });
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted();
}
