import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { messageOf } from '../../common/message-of.js';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../definitions/queues.js';
import { TaskHints } from '../hints/task-hints.js';

/** Waiting tasks are counted up to this number, to choose how long the next one waits. */
const countedAtMost = 5_000;

interface WaitingTask {
  id: string;
  queue: QueueName;
}

/**
 * Limits how many tasks of one key run at once, in all workers together. Running tasks are counted in
 * the ledger, so the places of a dead worker become free when its leases end.
 *
 * When a task ends, the next one that waits for its key is woken at once. Failure window: that call is
 * lost. Remedy: each waiting task checks again by itself; the longer the line, the less often.
 */
@Injectable()
export class ConcurrencyLimits {
  private readonly log = new Logger('Limits');

  constructor(
    private readonly database: DataSource,
    private readonly hints: TaskHints,
  ) {}

  /**
   * Locks the key until `tx` ends.
   *
   * @returns how long the task must wait, in milliseconds; 0: it may start
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

  /** Wakes the tasks that fit into the free places of the key. Returns at once and never throws. */
  wakeNext(name: string, key: string, limit: number): void {
    this.promoteNext(name, key, limit).catch((error: unknown) => {
      this.log.debug(`The next task was not woken and will look by itself: ${messageOf(error)}`);
    });
  }

  private async promoteNext(name: string, key: string, limit: number): Promise<void> {
    for (const next of await this.next(name, key, limit)) {
      await this.hints.promote(next.queue, next.id);
    }
  }

  /** Tasks that wait for the key, as many as there are free places: most urgent first, then oldest. */
  private async next(name: string, key: string, limit: number): Promise<WaitingTask[]> {
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
