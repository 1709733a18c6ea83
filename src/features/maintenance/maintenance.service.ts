import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import type { OldRows } from './old-rows.js';

export const OLD_ROWS = Symbol('OLD_ROWS');

/** Rows per transaction: few enough that no other query waits long. */
const batchSize = 1_000;

/** Results in a canvas stay until it and its callbacks have ended: later steps may still read them. */
const dropResults = `
  UPDATE tasks SET result = NULL, forgotten = true WHERE id IN (
    SELECT id FROM tasks task WHERE result_expires_at <= now() AND NOT forgotten
       AND NOT EXISTS (
           SELECT FROM tasks open
            WHERE open.canvas_id = task.canvas_id AND open.finished_at IS NULL)
     ORDER BY result_expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
  RETURNING id`;

/**
 * Deletes what Darkroom no longer keeps. Works in batches, each in its own transaction, until nothing is left
 * or the signal fires; the next run finds the rest. Two concurrent runs share the work.
 */
@Injectable()
export class MaintenanceService {
  constructor(
    private readonly database: DataSource,
    @Inject(SETTINGS) private readonly settings: Settings,
    @Inject(OLD_ROWS) private readonly oldRows: OldRows[],
  ) {}

  /** @returns how many results were dropped */
  async dropExpiredResults(signal: AbortSignal): Promise<number> {
    return this.inBatches(dropResults, [], signal);
  }

  /** @returns how many rows of each kind were deleted */
  async deleteOldRows(signal: AbortSignal): Promise<Record<string, number>> {
    const deleted: Record<string, number> = {};
    for (const { what, keptDays, sql, parameters = [] } of this.oldRows) {
      const days = keptDays === undefined ? [] : [keptDays(this.settings)];
      deleted[what] =
        days[0] === 0 ? 0 : await this.inBatches(sql, [...days, ...parameters], signal);
    }
    return deleted;
  }

  private async inBatches(sql: string, rest: unknown[], signal: AbortSignal): Promise<number> {
    let total = 0;
    while (!signal.aborted) {
      const batch = await retried(() => rows(this.database, sql, [batchSize, ...rest]));
      total += batch.length;
      if (batch.length < batchSize) break;
    }
    return total;
  }
}
