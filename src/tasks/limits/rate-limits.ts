import { Injectable } from '@nestjs/common';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { Rate } from '../control/task-limits.js';

/** Longest wait before a task looks again, so that a limit that was raised is noticed. Milliseconds. */
const maxLookMs = 60_000;

/**
 * Starts of a task by key, by all workers together: never more than the limit in any window of its
 * length. Counted in a row, under its lock, by the database's clock.
 *
 * Who comes too early is told when to look again. The looks of many are spread as the limit will
 * let them start, so a thousand waiting tasks do not come at the same moment.
 */
@Injectable()
export class RateLimits {
  /**
   * Holds the row's lock until `tx` ends.
   *
   * @returns milliseconds to wait; 0: it may start, and {@link started} must be called
   */
  async waitMs(tx: Transaction, name: string, key: string, rate: Rate): Promise<number> {
    await tx.query(
      `INSERT INTO task_rates (name, key, starts, look_at) VALUES ($1, $2, '{}', now())
       ON CONFLICT DO NOTHING`,
      [name, key],
    );
    await tx.query(`SELECT FROM task_rates WHERE name = $1 AND key = $2 FOR UPDATE`, [name, key]);
    const [row] = await rows<{ counted: number; freeInMs: number; lookInMs: number }>(
      tx,
      `SELECT counted::int, extract(epoch FROM free_at - now)::float8 * 1000 AS "freeInMs",
              extract(epoch FROM look_at - now)::float8 * 1000 AS "lookInMs"
         FROM (SELECT clock_timestamp() AS now) clock, task_rates,
              LATERAL (SELECT count(*) AS counted, min(start) + $3 * interval '1 ms' AS free_at
                         FROM unnest(starts) AS start WHERE start > now - $3 * interval '1 ms') w
        WHERE name = $1 AND key = $2`,
      [name, key, rate.perMs],
    );
    const { counted, freeInMs, lookInMs } = row!;
    if (counted < rate.limit) return 0;
    const wait = Math.max(freeInMs, lookInMs);
    // Who looks again before its turn takes none: its looks would add up to days.
    if (wait > maxLookMs) return Math.ceil(maxLookMs * (0.5 + Math.random() / 2));
    await tx.query(
      `UPDATE task_rates SET look_at = clock_timestamp() + $3 * interval '1 ms'
        WHERE name = $1 AND key = $2`,
      [name, key, wait + rate.perMs / rate.limit],
    );
    return Math.ceil(Math.max(1, wait));
  }

  /** Counts a start, in the transaction of {@link waitMs}. */
  async started(
    tx: Transaction,
    name: string,
    key: string,
    { perMs }: Rate,
    at: Date,
  ): Promise<void> {
    await tx.query(
      `UPDATE task_rates
          SET starts = ARRAY(SELECT start FROM unnest(starts) AS start
                              WHERE start > $4::timestamptz - $3 * interval '1 ms' ORDER BY start) || $4::timestamptz
        WHERE name = $1 AND key = $2`,
      [name, key, perMs, at],
    );
  }
}
