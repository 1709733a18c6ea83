import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { rows } from '../../infrastructure/database/transaction.js';
import type { QueueEngine } from '../../infrastructure/queue/queue-engine.js';
import { QUEUE_NAMES, type QueueName } from '../definitions/queues.js';
import { TaskHints, type TaskHint } from '../hints/task-hints.js';

const batchSize = 500;
const nobody = '00000000-0000-0000-0000-000000000000';

/** The queues cannot be moved. The message says what to do first. */
export class QueueMoveError extends Error {
  override readonly name = 'QueueMoveError';
}

export interface QueueMoveOutcome {
  /** Number of open tasks that have a hint in the target, whether new or already there. */
  filled: Record<QueueName, number>;
  /** Number of hints deleted from the source. */
  removed: Record<QueueName, number>;
}

/**
 * Moves the queues from one store to another. The ledger stays where it is and nothing is copied: the
 * target gets a hint for each open task of the ledger, then the source is emptied.
 *
 * Stop every service first. Afterwards start them with the new QUEUE_URL.
 *
 * Failure window: the move is interrupted. Remedy: run it again. The stores contain only hints, and a hint
 * has its task's id, so nothing is doubled. If a service still sends tasks to the source, the reconciler
 * of the first service on the target adds their hints.
 */
export class QueueMove {
  private readonly source: TaskHints;
  private readonly target: TaskHints;

  constructor(
    private readonly database: DataSource,
    private readonly from: QueueEngine,
    private readonly to: QueueEngine,
  ) {
    this.source = TaskHints.on(from);
    this.target = TaskHints.on(to);
  }

  /** How many hints the target will receive. */
  async count(): Promise<number> {
    const sql = `SELECT count(*)::int AS n FROM tasks WHERE ${open}`;
    const [found] = await rows<{ n: number }>(this.database, sql);
    return found!.n;
  }

  /**
   * @param onBatch called with the number of hints that the target has received so far
   * @throws QueueMoveError when a worker serves the source, or source and target are the same store
   */
  async move(onBatch?: (filled: number) => void): Promise<QueueMoveOutcome> {
    await this.checkNobodyServes();
    await this.checkApart();
    const filled = await this.fill(onBatch);
    return { filled, removed: await this.empty() };
  }

  async close(): Promise<void> {
    await Promise.all([this.source.close(), this.target.close()]);
  }

  private async checkNobodyServes(): Promise<void> {
    for (const queue of QUEUE_NAMES) {
      const workers = await this.source.of(queue).getWorkersCount();
      if (workers === 0) continue;
      throw new QueueMoveError(
        `${workers === 1 ? 'A worker serves' : `${workers} workers serve`} ${queue} at ${this.from.address}: stop every worker, then move.`,
      );
    }
  }

  /** Compares the stores with a test hint: a server can have several addresses, and the source will be emptied. */
  private async checkApart(): Promise<void> {
    const [queue] = QUEUE_NAMES;
    const probe = randomUUID();
    const nextYear = 365 * 86_400_000;
    await this.target
      .of(queue)
      .add('probe', { v: 1, taskId: nobody }, { jobId: probe, delay: nextYear });
    try {
      if (!(await this.source.of(queue).getJob(probe))) return;
    } finally {
      await this.target.of(queue).remove(probe);
    }
    throw new QueueMoveError(
      `${this.from.address} and ${this.to.address} are the same store: there is nothing to move.`,
    );
  }

  private async fill(onBatch?: (filled: number) => void): Promise<Record<QueueName, number>> {
    const filled = none();
    for (let after = nobody, total = 0; ;) {
      const tasks = await this.openTasks(after);
      if (tasks.length === 0) return filled;
      for (const queue of QUEUE_NAMES) {
        const hints = tasks.filter((task) => task.queue === queue);
        if (hints.length > 0) await this.target.add(queue, hints);
        filled[queue] += hints.length;
      }
      after = tasks.at(-1)!.taskId;
      total += tasks.length;
      onBatch?.(total);
    }
  }

  private openTasks(after: string): Promise<TaskHint[]> {
    return rows<TaskHint>(
      this.database,
      `SELECT id AS "taskId", name, queue, priority,
              greatest(0, extract(epoch FROM greatest(run_at, lease_until) - now()) * 1000)::float8
                AS "delayMs"
         FROM tasks WHERE ${open} AND id > $1 ORDER BY id LIMIT ${batchSize}`,
      [after],
    );
  }

  private async empty(): Promise<Record<QueueName, number>> {
    const removed = none();
    for (const queue of QUEUE_NAMES) {
      const bull = this.source.of(queue);
      const counts = await bull.getJobCounts('active', 'waiting', 'prioritized', 'delayed');
      removed[queue] = Object.values(counts).reduce((sum, n) => sum + n, 0);
      await bull.obliterate({ force: true });
    }
    return removed;
  }
}

/** Tasks that need a hint in their queue. */
const open = `finished_at IS NULL AND NOT blocked AND kind IN ('task', 'map')`;

function none(): Record<QueueName, number> {
  return { high_priority: 0, normal_priority: 0, low_priority: 0 };
}
