import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../queues.js';

/** Waiting tasks that are counted, for the length of their wait. */
const countedAtMost = 5_000;

interface WaitingTask {
  id: string;
  queue: QueueName;
}

/**
 * Running tasks by key, in all workers together. They are counted in the ledger itself, so a worker
 * that dies gives its places back when its leases end.
 *
 * When a task ends, the next one that waits for its key is called at once. Failure window: that call
 * is lost. Remedy: who waits looks again by itself, the more seldom the more of them wait.
 */
@Injectable()
export class ConcurrencyLimits {
  constructor(private readonly database: DataSource) {}

  /**
   * Holds the key's lock until `tx` ends.
   *
   * @returns milliseconds to wait; 0: it may start
   */
  async waitMs(
    tx: Transaction,
    id: string,
    name: string,
    key: string,
    limit: number,
  ): Promise<number> {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 2))`, [`${name} ${key}`]);
    const [{ running }] = (await rows<{ running: number }>(
      tx,
      `SELECT count(*)::int AS running FROM tasks
        WHERE name = $1 AND concurrency_key = $2 AND state = 'STARTED'
          AND lease_until >= now() AND id <> $3`,
      [name, key, id],
    )) as [{ running: number }];
    if (running < limit) return 0;
    await tx.query(
      `UPDATE tasks SET concurrency_key = $2
        WHERE id = $1 AND state IN ('PENDING', 'RETRY') AND concurrency_key IS DISTINCT FROM $2`,
      [id, key],
    );
    const [{ waiting }] = (await rows<{ waiting: number }>(
      tx,
      `SELECT count(*)::int AS waiting FROM (
         SELECT FROM tasks WHERE name = $1 AND concurrency_key = $2
            AND state IN ('PENDING', 'RETRY') LIMIT ${countedAtMost}) AS counted`,
      [name, key],
    )) as [{ waiting: number }];
    return Math.round((500 + waiting * 10) * (0.75 + Math.random() / 2));
  }

  /** Tasks that wait for the key, as many as there are places: most urgent first, then oldest. */
  async next(name: string, key: string, limit: number): Promise<WaitingTask[]> {
    return rows<WaitingTask>(
      this.database,
      `SELECT id, queue FROM tasks
        WHERE name = $1 AND concurrency_key = $2 AND state IN ('PENDING', 'RETRY')
          AND run_at <= now() AND NOT blocked
        ORDER BY priority, id
        LIMIT greatest(0, $3 - (SELECT count(*) FROM tasks WHERE name = $1
                                   AND concurrency_key = $2 AND state = 'STARTED'
                                   AND lease_until >= now()))`,
      [name, key, limit],
    );
  }
}
