import { Inject, Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import {
  inTransaction,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { ImageRemoval } from './image-removal.js';
import { removalBatch } from './images.tasks.js';

/** Users of a plan that is no longer configured have `standard`. */
const dueIds = `
  SELECT due.id FROM users
    JOIN jsonb_to_recordset($1) AS kept(plan text, days integer)
      ON kept.plan = CASE WHEN users.plan = ANY($2) THEN users.plan ELSE 'standard' END
   CROSS JOIN LATERAL (
     SELECT id FROM generated_images
      WHERE owner_id = users.id AND created_at < now() - kept.days * interval '1 day' AND NOT favourite
      ORDER BY created_at LIMIT ${removalBatch} FOR UPDATE SKIP LOCKED) due
   LIMIT ${removalBatch}`;

/** Removes the pictures that are older than the plan of their owner keeps them. Favourites stay. */
@Injectable()
export class OldPictures {
  private readonly log = new Logger('Images');

  constructor(
    private readonly database: DataSource,
    private readonly removal: ImageRemoval,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'plans'>,
  ) {}

  /** In batches, each in its own transaction, until none is left or the signal fires. @returns how many */
  async delete(signal: AbortSignal): Promise<number> {
    const kept = Object.entries(this.settings.plans).flatMap(([plan, limits]) => {
      const days = limits.picture_retention_days;
      return days === null ? [] : [{ plan, days }];
    });
    if (kept.length === 0) return 0;
    let total = 0;
    while (!signal.aborted) {
      const removed = await inTransaction(this.database, (tx) => this.deleteBatch(tx, kept));
      total += removed;
      if (removed < removalBatch) break;
    }
    if (total > 0) this.log.log(`${total} old pictures are deleted`);
    return total;
  }

  private async deleteBatch(tx: Transaction, kept: object[]): Promise<number> {
    const plans = Object.keys(this.settings.plans);
    const due = await rows<{ id: string }>(tx, dueIds, [JSON.stringify(kept), plans]);
    const ids = due.map(({ id }) => id);
    return this.removal.remove(tx, ids);
  }
}
