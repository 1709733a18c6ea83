import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { pause } from '../../common/deadline.js';
import { query } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../definitions/queues.js';
import type { TaskDefinition } from '../definitions/task-definition.js';
import { TaskHints } from '../hints/task-hints.js';

/** Tasks of one statement. */
const batchSize = 200;
/** A worker delays the hint of a task just after the task is snoozed. Milliseconds. */
const settleMs = 500;

export interface PutOff {
  tasks: number;
  /** When the first of them was put off; null: there are none. */
  since: Date | null;
}

/**
 * Tasks that were snoozed because something was away. When it is back they run at once, instead of each at the end of
 * its own wait.
 *
 * Failure window: the process dies halfway. Remedy: such a task runs when its wait is over, as if nobody had called.
 */
@Injectable()
export class PutOffTasks {
  constructor(
    private readonly database: DataSource,
    private readonly hints: TaskHints,
  ) {}

  async count({ name }: TaskDefinition): Promise<PutOff> {
    const [found] = await query<PutOff>(
      this.database,
      `SELECT count(*)::int AS tasks, min(snoozed_since) AS since FROM tasks
        WHERE name = $1 AND snoozed_since IS NOT NULL AND finished_at IS NULL`,
      [name],
    );
    return found!;
  }

  /** Ends the wait of all of them, oldest first. Several processes share the work. @returns how many this one woke */
  async wake({ name }: TaskDefinition): Promise<number> {
    for (let total = 0; ;) {
      const woken = await query<{ id: string; queue: QueueName }>(
        this.database,
        `UPDATE tasks SET run_at = now() WHERE id IN (
           SELECT id FROM tasks
            WHERE name = $1 AND snoozed_since IS NOT NULL AND finished_at IS NULL
              AND state IN ('PENDING', 'RETRY') AND run_at > now()
            ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING id, queue`,
        [name, batchSize],
      );
      if (woken.length === 0) return total;
      await pause(settleMs);
      const oldestFirst = woken.toSorted((a, b) => (a.id < b.id ? -1 : 1));
      for (const { id, queue } of oldestFirst) await this.hints.promote(queue, id);
      total += woken.length;
    }
  }
}
