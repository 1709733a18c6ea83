import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { messageOf } from '../../common/message-of.js';
import { query, rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../definitions/queues.js';
import { TaskHints, type TaskHint } from '../hints/task-hints.js';
import { claimable, crashLimits, suspect } from '../ledger/claim-sql.js';
import type { LimitedTask } from '../ledger/ledger-rows.js';

/**
 * Shares workers between the owners of tasks (start-time fair queueing). A new task starts in the line where its
 * owner's last open one ends, but not before the task that is first in the line now. So an owner who has queued a
 * thousand tasks does not delay the first one of another owner, and owners whose tasks wait at the same time get equal
 * shares. The places are columns of the ledger, so they survive restarts and a wiped queue.
 *
 * A hint then only says that some task of its definition can run: its worker claims the one that is first in the line.
 * That one's own hint is removed, and the worker puts back the hint that it has used, so that each waiting task keeps
 * one.
 *
 * Failure window: the process dies in between. Then a task has no hint, or one too many. Remedy: the reconciler adds
 * what is missing; a hint of a task that is over is dropped.
 */
@Injectable()
export class FairShares {
  private readonly log = new Logger('Limits');

  constructor(
    private readonly database: DataSource,
    private readonly hints: TaskHints,
  ) {}

  /**
   * Locks the task that is first in the line of `task`, until `tx` ends. Tasks that others are about to claim are skipped.
   *
   * @returns undefined when `task` itself can no longer be claimed, and no other can
   */
  async first(
    tx: Transaction,
    { id }: LimitedTask,
    alone: boolean,
  ): Promise<LimitedTask | undefined> {
    const [first] = await rows<LimitedTask>(
      tx,
      `WITH first AS (
         SELECT id, kind, name, payload, priority, fair_start FROM tasks
          WHERE (queue, name) = (SELECT queue, name FROM tasks WHERE id = $1)
            AND finished_at IS NULL AND fair_start IS NOT NULL AND state IN ('PENDING', 'RETRY')
            AND ${claimable('$2')} AND ($3::boolean OR NOT ${suspect('$2')})
          ORDER BY priority, fair_start, id LIMIT 1 FOR UPDATE SKIP LOCKED),
       asked AS (
         SELECT id, kind, name, payload, priority, fair_start FROM tasks
          WHERE id = $1 AND finished_at IS NULL AND ${claimable('$2')}
            AND ($3::boolean OR NOT ${suspect('$2')}) FOR UPDATE SKIP LOCKED)
       SELECT id, kind, name, payload FROM (TABLE first UNION ALL TABLE asked) AS task
        ORDER BY priority, fair_start NULLS FIRST, id LIMIT 1`,
      [id, crashLimits(), alone],
    );
    return first;
  }

  /** Removes the hint of a task that another one's hint has started. Returns at once and never throws. */
  started(queue: QueueName, id: string): void {
    // One that a worker holds stays; that worker finds the task taken.
    this.hints.remove(queue, [id]).catch((error: unknown) => {
      this.log.debug(`A hint of a running task stays: ${messageOf(error)}`);
    });
  }

  /** Adds the hint of such a task when it has to run again. Never throws: the reconciler adds it otherwise. */
  async again(id: string): Promise<void> {
    try {
      const [hint] = await query<TaskHint>(
        this.database,
        `SELECT id AS "taskId", name, queue, priority,
                greatest(0, extract(epoch FROM run_at - now()) * 1000)::float8 AS "delayMs"
           FROM tasks WHERE id = $1 AND finished_at IS NULL`,
        [id],
      );
      if (hint) await this.hints.add(hint.queue, [hint]);
    } catch (error) {
      this.log.debug(`A hint was not added, and the reconciler will: ${messageOf(error)}`);
    }
  }
}
