import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query } from '../../infrastructure/database/transaction.js';
import { ObjectStorage } from '../storage/object-storage.js';
import { probeFolder } from '../storage/patient-storage.js';

/** Objects that are checked with one statement. */
const batchSize = 500;
/** Younger objects are left alone: a picture is stored before its row says so. */
const oldEnoughMs = 86_400_000;
/** The id in a key that Darkroom makes, and the number of a picture; other objects are not ours to delete. */
const ourKey =
  /^[a-z]+\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?:\/(\d{1,4})\.|\/|$)/;

/** Folders of the storage, and which of the objects $1 in them have no row. */
const folders: Record<string, string> = {
  'images/': `
    SELECT key FROM jsonb_to_recordset($1) AS object(key text, id uuid, index smallint)
     WHERE index IS NOT NULL AND NOT EXISTS (
           SELECT FROM generated_images i WHERE i.task_id = object.id AND i.index = object.index)`,
  'files/': `
    SELECT key FROM jsonb_to_recordset($1) AS object(key text, id uuid)
     WHERE NOT EXISTS (SELECT FROM stored_files f WHERE f.id = object.id AND f.kind = 'file')`,
  'uploads/': `
    SELECT key FROM jsonb_to_recordset($1) AS object(key text, id uuid)
     WHERE NOT EXISTS (SELECT FROM stored_files f WHERE f.id = object.id AND f.kind = 'upload')`,
  [probeFolder]: `SELECT key FROM jsonb_to_recordset($1) AS object(key text)`,
};

export interface Collected {
  /** Objects that were looked at. */
  seen: number;
  deleted: number;
}

/**
 * Deletes objects of pictures and files that no longer have a row. Failure window: a process dies after it has deleted
 * the row and before it has deleted the objects, or the other way round with a picture that was being stored.
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
    for (const [folder, withoutRow] of Object.entries(folders)) {
      const { seen, deleted } = await this.collectIn(folder, withoutRow, signal);
      total.seen += seen;
      total.deleted += deleted;
    }
    if (total.deleted > 0) this.log.log(`${total.deleted} objects had no row and are deleted`);
    return total;
  }

  private async collectIn(
    folder: string,
    withoutRow: string,
    signal: AbortSignal,
  ): Promise<Collected> {
    const total: Collected = { seen: 0, deleted: 0 };
    const before = this.now() - oldEnoughMs;
    let batch: string[] = [];
    for await (const { key, writtenAt } of this.storage.list(folder)) {
      signal.throwIfAborted();
      total.seen += 1;
      if (writtenAt.getTime() < before) batch.push(key);
      if (batch.length < batchSize) continue;
      total.deleted += await this.deleteUnknown(batch, withoutRow, signal);
      batch = [];
    }
    total.deleted += await this.deleteUnknown(batch, withoutRow, signal);
    return total;
  }

  private async deleteUnknown(
    keys: string[],
    withoutRow: string,
    signal: AbortSignal,
  ): Promise<number> {
    const ours = keys.flatMap((key) => {
      const [, id, index] = ourKey.exec(key) ?? [];
      return id === undefined ? [] : [{ key, id, index }];
    });
    const lost = await query<{ key: string }>(this.database, withoutRow, [JSON.stringify(ours)]);
    for (const { key } of lost) {
      signal.throwIfAborted();
      await this.storage.delete(key);
    }
    return lost.length;
  }
}
