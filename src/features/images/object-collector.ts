import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query } from '../../infrastructure/database/transaction.js';
import { ObjectStorage } from '../storage/object-storage.js';

/** Objects that are checked with one statement. */
const batchSize = 500;
/** Younger objects are left alone: a picture is stored before its row says so. */
const oldEnoughMs = 86_400_000;
/** Keys that Darkroom makes; others are not ours to delete. */
const ourKey =
  /^images\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\/(\d{1,4})\./;

export interface Collected {
  /** Objects that were looked at. */
  seen: number;
  deleted: number;
}

/**
 * Deletes objects of pictures that no longer have a row. Failure window: a process dies after it has deleted the row of
 * a picture and before it has deleted the objects, or the other way round with a picture that was being stored.
 */
@Injectable()
export class ObjectCollector {
  private readonly log = new Logger('Storage');
  now = () => Date.now();

  constructor(
    private readonly database: DataSource,
    private readonly storage: ObjectStorage,
  ) {}

  /** @throws StorageError; then the next run goes on */
  async collect(signal: AbortSignal): Promise<Collected> {
    const total: Collected = { seen: 0, deleted: 0 };
    const before = this.now() - oldEnoughMs;
    let batch: string[] = [];
    for await (const { key, writtenAt } of this.storage.list('images/')) {
      signal.throwIfAborted();
      total.seen += 1;
      if (writtenAt.getTime() < before) batch.push(key);
      if (batch.length < batchSize) continue;
      total.deleted += await this.deleteUnreferenced(batch, signal);
      batch = [];
    }
    total.deleted += await this.deleteUnreferenced(batch, signal);
    if (total.deleted > 0) this.log.log(`${total.deleted} objects had no picture and are deleted`);
    return total;
  }

  private async deleteUnreferenced(keys: string[], signal: AbortSignal): Promise<number> {
    const ours = keys.flatMap((key) => {
      const [, taskId, index] = ourKey.exec(key) ?? [];
      return taskId === undefined ? [] : [{ key, taskId, index }];
    });
    const lost = await query<{ key: string }>(
      this.database,
      `SELECT key FROM jsonb_to_recordset($1) AS object(key text, "taskId" uuid, index smallint)
        WHERE NOT EXISTS (
              SELECT FROM generated_images i WHERE i.task_id = "taskId" AND i.index = object.index)`,
      [JSON.stringify(ours)],
    );
    for (const { key } of lost) {
      signal.throwIfAborted();
      await this.storage.delete(key);
    }
    return lost.length;
  }
}
