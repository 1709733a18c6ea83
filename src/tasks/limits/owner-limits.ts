import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { messageOf } from '../../common/message-of.js';
import { query, rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { QueueName } from '../definitions/queues.js';
import { TaskHints } from '../hints/task-hints.js';
import type { ClaimedTask } from '../ledger/ledger-rows.js';

/** A task of an owner, who may have so many of that name running. */
export interface OwnedTask {
  id: string;
  name: string;
  ownerId: string;
  ownerLimit: number | null;
}

/** Pause before a task is looked at again whose owner has just reached the limit. Milliseconds. */
const lookAgainMs = 20;

/** Waiting tasks are counted up to this number, to choose how long the next one waits. */
const countedAtMost = 5_000;

const isRunning = `state = 'STARTED' AND fair_start IS NOT NULL AND lease_until >= now()`;

/**
 * SQL: how many tasks each owner has running.
 *
 * @param name SQL of the tasks' name
 */
export const runningOfOwners = (name: string) => `
  SELECT owner_id, count(*) AS running FROM tasks WHERE name = ${name} AND ${isRunning}
   GROUP BY owner_id`;

/** SQL: the owner of the row may have another task running. @param counts name of {@link runningOfOwners} */
export const ownerHasPlace = (counts: string) => `(owner_limit IS NULL OR owner_limit > coalesce(
  (SELECT running FROM ${counts} WHERE ${counts}.owner_id = tasks.owner_id), 0))`;

/**
 * Limits how many tasks of one name an owner has running at once, in all workers together. Running tasks are counted
 * in the ledger, so the places of a dead worker become free when its leases end.
 *
 * When a task ends, the owner's next ones are woken at once. Failure window: that call is lost. Remedy: each waiting task
 * checks again by itself; the longer the line, the less often.
 */
@Injectable()
export class OwnerLimits {
  private readonly log = new Logger('Limits');

  constructor(
    private readonly database: DataSource,
    private readonly hints: TaskHints,
  ) {}

  /**
   * Locks the owner until `tx` ends, when there is a limit.
   *
   * @returns how long the task must wait, in milliseconds; 0: it may start
   */
  async waitMs(tx: Transaction, { id, name, ownerId, ownerLimit }: OwnedTask): Promise<number> {
    if (ownerLimit === null) return 0;
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 3))`, [`${name} ${ownerId}`]);
    const [{ running }] = (await rows<{ running: number }>(
      tx,
      `SELECT count(*)::int AS running FROM tasks
        WHERE name = $1 AND owner_id = $2 AND ${isRunning} AND id <> $3`,
      [name, ownerId, id],
    )) as [{ running: number }];
    return running < ownerLimit ? 0 : lookAgainMs;
  }

  /** How long the hint of a task waits when nothing in its line can start. Milliseconds. */
  async pauseMs(tx: Transaction, id: string): Promise<number> {
    const [{ waiting }] = (await rows<{ waiting: number }>(
      tx,
      `SELECT count(*)::int AS waiting FROM (
         SELECT FROM tasks
          WHERE (queue, name) = (SELECT queue, name FROM tasks WHERE id = $1
                                    AND owner_limit IS NOT NULL AND state IN ('PENDING', 'RETRY'))
            AND finished_at IS NULL AND fair_start IS NOT NULL LIMIT ${countedAtMost}) AS counted`,
      [id],
    )) as [{ waiting: number }];
    return Math.round((500 + waiting * 10) * (0.75 + Math.random() / 2));
  }

  /** Wakes as many tasks of the owner as have a place. Returns at once and never throws. */
  ended(task: ClaimedTask): void {
    this.wakeNext(task).catch((error: unknown) => {
      this.log.debug(`The next task was not woken and will look by itself: ${messageOf(error)}`);
    });
  }

  private async wakeNext({ name, ownerId, ownerLimit }: ClaimedTask): Promise<void> {
    if (ownerId === null || ownerLimit === null) return;
    const woken = await query<{ id: string; queue: QueueName }>(
      this.database,
      `SELECT id, queue FROM tasks
        WHERE name = $1 AND owner_id = $2 AND finished_at IS NULL AND fair_start IS NOT NULL
          AND state IN ('PENDING', 'RETRY') AND run_at <= now() AND NOT blocked
        ORDER BY priority, fair_start
        LIMIT greatest(0, $3 - (SELECT count(*) FROM tasks
                                 WHERE name = $1 AND owner_id = $2 AND ${isRunning}))`,
      [name, ownerId, ownerLimit],
    );
    for (const { queue, id } of woken) await this.hints.promote(queue, id);
  }
}
