import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import {
  inTransaction,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { lockCanvas } from '../canvas/canvas-lock.js';
import { CanvasProgress } from '../canvas/canvas-progress.js';
import { QUEUE_NAMES, type QueueName } from '../definitions/queues.js';
import type { TaskFailure } from '../definitions/task-errors.js';
import { TaskEvents } from '../events/task-events.js';
import { TaskHints } from '../hints/task-hints.js';
import { endedColumns, type Ended } from '../ledger/ledger-rows.js';

/** Most tasks ended in one transaction. Tasks of one canvas always end together. */
const batchSize = 500;

/** Tasks that were sent and are not running. Blocked ones end together with the node that they wait for. */
const waiting = `finished_at IS NULL AND NOT blocked AND state IN ('PENDING', 'RETRY')
  AND queue = ANY($1)`;
/** Only tasks from before $2, the start of the purge: else senders could keep it busy forever. */
const waitedAt = `${waiting} AND created_at <= $2`;

const purged: TaskFailure = {
  code: 'purged',
  message: 'The task was removed from its queue before it ran.',
  retryable: false,
};

export interface PurgeOutcome {
  /** Number of tasks that became REVOKED. */
  revoked: number;
  /** Number of their hints that the queue still has. Workers drop them when they come to them. */
  hintsLeft: number;
}

type Purged = Ended & { queue: QueueName };

/**
 * Empties queues: every waiting, delayed or retrying task becomes REVOKED with the code `purged`. Its canvas
 * reacts as to any revocation. Running tasks go on.
 *
 * Failure window: the process dies halfway. Remedy: run the purge again. Hints are removed after the commit,
 * so any that are left belong to tasks that are over, and no worker runs those.
 */
@Injectable()
export class QueuePurge {
  constructor(
    private readonly database: DataSource,
    private readonly hints: TaskHints,
    private readonly canvas: CanvasProgress,
    private readonly events: TaskEvents,
  ) {}

  /** Counts the tasks that {@link purge} would end now. */
  async count(queues: QueueName[]): Promise<number> {
    const sql = `SELECT count(*)::int AS n FROM tasks WHERE ${waiting}`;
    const [found] = await rows<{ n: number }>(this.database, sql, [queues]);
    return found!.n;
  }

  /** Ends the waiting tasks. @param onBatch called with the number of tasks ended so far */
  async purge(queues: QueueName[], onBatch?: (revoked: number) => void): Promise<PurgeOutcome> {
    const outcome: PurgeOutcome = { revoked: 0, hintsLeft: 0 };
    const [clock] = await rows<{ now: Date }>(this.database, 'SELECT now() AS now');
    for await (const ended of this.batches(queues, clock!.now)) {
      for (const task of ended) this.events.endedUnrun(task);
      outcome.revoked += ended.length;
      outcome.hintsLeft += await this.removeHints(ended);
      onBatch?.(outcome.revoked);
    }
    return outcome;
  }

  private async *batches(queues: QueueName[], begun: Date): AsyncGenerator<Purged[]> {
    // First those that nobody holds; then the others, such as one that is being handed to its queue just now.
    for (const skip of [true, false]) {
      for (;;) {
        const ended = await inTransaction(this.database, (tx) =>
          this.endAlone(tx, queues, begun, skip),
        );
        if (ended.length === 0) break;
        yield ended;
      }
    }
    for (;;) {
      const canvases = await rows<{ id: string }>(
        this.database,
        `SELECT DISTINCT canvas_id AS id FROM tasks
          WHERE ${waitedAt} AND canvas_id IS NOT NULL LIMIT ${batchSize}`,
        [queues, begun],
      );
      if (canvases.length === 0) break;
      for (const { id } of canvases) {
        yield await inTransaction(this.database, (tx) => this.endCanvas(tx, id, queues, begun));
      }
    }
  }

  private async endAlone(
    tx: Transaction,
    queues: QueueName[],
    begun: Date,
    skip: boolean,
  ): Promise<Purged[]> {
    const ended = await this.end(
      tx,
      `id IN (SELECT id FROM tasks WHERE ${waitedAt} AND canvas_id IS NULL
               ORDER BY id LIMIT ${batchSize} FOR UPDATE ${skip ? 'SKIP LOCKED' : ''})`,
      [queues, begun],
    );
    for (const task of ended) await this.canvas.endJoined(tx, task);
    return ended;
  }

  private async endCanvas(tx: Transaction, id: string, queues: QueueName[], begun: Date) {
    await lockCanvas(tx, id, 'exclusive');
    const ended = await this.end(tx, `${waitedAt} AND canvas_id = $4`, [queues, begun], id);
    for (const node of ended) await this.canvas.ended(tx, node);
    return ended;
  }

  private end(tx: Transaction, which: string, [queues, begun]: [QueueName[], Date], id?: string) {
    return rows<Purged>(
      tx,
      `UPDATE tasks SET state = 'REVOKED', error = $3, finished_at = now(), progress = NULL
        WHERE ${which} RETURNING queue, ${endedColumns}`,
      [queues, begun, purged, ...(id === undefined ? [] : [id])],
    );
  }

  private async removeHints(ended: Purged[]): Promise<number> {
    let left = 0;
    for (const queue of QUEUE_NAMES) {
      const ids = ended.filter((task) => task.queue === queue).map((task) => task.id);
      if (ids.length > 0) left += await this.hints.remove(queue, ids).catch(() => ids.length);
    }
    return left;
  }
}
