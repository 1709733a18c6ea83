import { Injectable } from '@nestjs/common';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { Rate } from './task-limits.js';

/** Longest wait before a task tries again, so that it notices when a limit is raised. Milliseconds. */
const maxLookMs = 60_000;
/** Up to this limit every start is stored. Above it, the window is divided into this many buckets. */
const mostBuckets = 100;

/**
 * Limits how often tasks of one key start, in all workers together: in no time window of the given length
 * are there more starts than the limit. Starts are counted in a row of `task_rates`, under its lock, by the
 * database's clock.
 *
 * With a high limit, starts share buckets, and a bucket counts until its latest start leaves the window. So
 * a task may wait up to a hundredth of the window longer than necessary, but a row stays small whatever
 * the limit.
 *
 * A task that comes too early is told when to try again. These times are spread at the rate of the limit,
 * so a thousand waiting tasks do not all try at the same moment.
 */
@Injectable()
export class RateLimits {
  /**
   * Locks the key's row until `tx` ends.
   *
   * @returns how long the task must wait, in milliseconds; 0: it may start, and {@link started} must be called
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
              LATERAL (SELECT coalesce(sum(coalesce(n, 1)), 0) AS counted,
                             min(start) + $3 * interval '1 ms' AS free_at
                        FROM unnest(starts, counts) AS bucket (start, n)
                       WHERE start > now - $3 * interval '1 ms') w
        WHERE name = $1 AND key = $2`,
      [name, key, rate.perMs],
    );
    const { counted, freeInMs, lookInMs } = row!;
    if (counted < rate.limit) return 0;
    const wait = Math.max(freeInMs, lookInMs);
    // A task that will try again before its turn reserves no time: its reservations would add up to days.
    if (wait > maxLookMs) return Math.ceil(maxLookMs * (0.5 + Math.random() / 2));
    await tx.query(
      `UPDATE task_rates SET look_at = clock_timestamp() + $3 * interval '1 ms'
        WHERE name = $1 AND key = $2`,
      [name, key, wait + rate.perMs / rate.limit],
    );
    return Math.ceil(Math.max(1, wait));
  }

  /** Counts a start. Call it in the transaction of {@link waitMs}. */
  async started(
    tx: Transaction,
    name: string,
    key: string,
    { limit, perMs }: Rate,
    at: Date,
  ): Promise<void> {
    await tx.query(
      // A Date has no microseconds; rounding up keeps the start in the window for its full length.
      `UPDATE task_rates
          SET (starts, counts) = (
              SELECT array_agg(start ORDER BY start), array_agg(n ORDER BY start)
                FROM (SELECT max(start) AS start, sum(n)::int AS n
                        FROM (SELECT start, coalesce(n, 1) AS n, place
                                FROM unnest(starts, counts) WITH ORDINALITY AS kept (start, n, place)
                               WHERE start > $4::timestamptz - $3 * interval '1 ms'
                              UNION ALL
                              SELECT $4::timestamptz + interval '1 ms', 1, 0) AS counted
                       GROUP BY CASE WHEN $5::float8 > 0
                                     THEN floor(extract(epoch FROM start)::float8 * 1000 / $5::float8)
                                     ELSE place END) AS buckets)
        WHERE name = $1 AND key = $2`,
      [name, key, perMs, at, limit > mostBuckets ? perMs / mostBuckets : 0],
    );
  }
}
