import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import {
  inTransaction,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../queues.js';
import type { TaskFailure } from '../task-errors.js';
import { TaskEvents } from '../task-events.js';
import { TaskHints } from '../task-hints.js';

/** Tasks ended in one transaction. */
const batchSize = 500;

/** Sent and not running. What waits for another node of its canvas ends with that one. */
const waiting = `finished_at IS NULL AND NOT blocked AND state IN ('PENDING', 'RETRY')
  AND queue = ANY($1)`;

const purged: TaskFailure = {
  code: 'purged',
  message: 'The task was removed from its queue before it ran.',
  retryable: true,
};

export interface PurgeOutcome {
  /** Tasks that are REVOKED now. */
  revoked: number;
  /** Hints of them that the queue still has; a worker drops them when their turn comes. */
  hintsLeft: number;
}

/**
 * Empties queues: every waiting, delayed or retrying task becomes REVOKED with the code `purged`.
 * Running tasks go on.
 *
 * Failure window: a process that dies in between leaves the rest waiting; run it again. Hints go after
 * the commit, so what is left of them names tasks that are over, which no worker runs.
 */
@Injectable()
export class QueuePurge {
  constructor(
    private readonly database: DataSource,
    private readonly hints: TaskHints,
    private readonly events: TaskEvents,
  ) {}

  /** How many tasks {@link purge} would end now. */
  async count(queues: QueueName[]): Promise<number> {
    const sql = `SELECT count(*)::int AS n FROM tasks WHERE ${waiting}`;
    const [found] = await rows<{ n: number }>(this.database, sql, [queues]);
    return found!.n;
  }

  /** @param onBatch told how many have been ended so far */
  async purge(queues: QueueName[], onBatch?: (revoked: number) => void): Promise<PurgeOutcome> {
    const outcome: PurgeOutcome = { revoked: 0, hintsLeft: 0 };
    const [begun] = await rows<{ at: Date }>(this.database, 'SELECT now() AS at');
    for (;;) {
      const ended = await inTransaction(this.database, (tx) => this.end(tx, queues, begun!.at));
      if (ended.length === 0) return outcome;
      for (const { id } of ended) this.events.finished(id, 'REVOKED');
      outcome.revoked += ended.length;
      outcome.hintsLeft += await this.removeHints(ended);
      onBatch?.(outcome.revoked);
    }
  }

  /** Only what was there at the beginning, or senders could keep it busy for ever. */
  private end(tx: Transaction, queues: QueueName[], begun: Date): Promise<Purged[]> {
    return rows<Purged>(
      tx,
      `UPDATE tasks SET state = 'REVOKED', error = $3, finished_at = now(), progress = NULL
        WHERE id IN (SELECT id FROM tasks WHERE ${waiting} AND created_at <= $2
                      LIMIT ${batchSize} FOR UPDATE SKIP LOCKED)
        RETURNING id, queue`,
      [queues, begun, purged],
    );
  }

  private async removeHints(ended: Purged[]): Promise<number> {
    let left = 0;
    for (const queue of new Set(ended.map((task) => task.queue))) {
      const ids = ended.filter((task) => task.queue === queue).map((task) => task.id);
      left += await this.hints.remove(queue, ids).catch(() => ids.length);
    }
    return left;
  }
}

interface Purged {
  id: string;
  queue: QueueName;
}
