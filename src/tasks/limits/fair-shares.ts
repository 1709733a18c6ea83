import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { messageOf } from '../../common/message-of.js';
import { query, rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../definitions/queues.js';
import { TaskHints, type TaskHint } from '../hints/task-hints.js';
import { claimable, crashLimits, suspect } from '../ledger/claim-sql.js';
import type { ClaimedTask, LimitedTask } from '../ledger/ledger-rows.js';
import { OwnerLimits, ownerHasPlace, runningOfOwners, type OwnedTask } from './owner-limits.js';

type SharedTask = LimitedTask & OwnedTask;

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
    private readonly owners: OwnerLimits,
  ) {}

  /**
   * Locks the task that is first in the line of `task`, until `tx` ends. Tasks that others are about to claim, and those
   * of owners who have as many running as they may, are skipped.
   *
   * @returns or for how many milliseconds the hint of `task` has to wait
   */
  async first(
    tx: Transaction,
    { id, name }: LimitedTask,
    alone: boolean,
  ): Promise<{ task: LimitedTask } | { inMs: number }> {
    const canStart = `finished_at IS NULL AND ${claimable('$3')}
      AND ($4::boolean OR NOT ${suspect('$3')}) AND ${ownerHasPlace('busy')}`;
    const columns = 'id, kind, name, payload, priority, fair_start, owner_id, owner_limit';
    const [task] = await rows<SharedTask>(
      tx,
      `WITH busy AS (${runningOfOwners('$2')}),
       first AS (
         SELECT ${columns} FROM tasks
          WHERE queue = (SELECT queue FROM tasks WHERE id = $1) AND name = $2
            AND fair_start IS NOT NULL AND state IN ('PENDING', 'RETRY') AND ${canStart}
          ORDER BY priority, fair_start, id LIMIT 1 FOR UPDATE SKIP LOCKED),
       asked AS (
         SELECT ${columns} FROM tasks WHERE id = $1 AND ${canStart} FOR UPDATE SKIP LOCKED)
       SELECT id, kind, name, payload, owner_id AS "ownerId", owner_limit AS "ownerLimit"
         FROM (TABLE first UNION ALL TABLE asked) AS task
        ORDER BY priority, fair_start NULLS FIRST, id LIMIT 1`,
      [id, name, crashLimits(), alone],
    );
    if (!task) return { inMs: await this.owners.pauseMs(tx, id) };
    const inMs = await this.owners.waitMs(tx, task);
    return inMs > 0 ? { inMs } : { task };
  }

  /** Call it when an attempt has ended. Returns at once and never throws. */
  ended(task: ClaimedTask): void {
    this.owners.ended(task);
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
