import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Json } from '../../common/json.js';
import { query, rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { TaskProgress } from '../definitions/task-context.js';
import { revokedFailure, type TaskFailure } from '../definitions/task-errors.js';
import { crashLimits } from './claim-sql.js';
import { endedColumns, type ClaimedTask, type Ended, type Fence } from './ledger-rows.js';
import { overdueEnds, type Overdue } from './overdue.js';

/** SQL: attempt $2 still has task $1, and nobody has revoked it. */
const held = `id = $1 AND attempt = $2 AND state = 'STARTED' AND revoke_requested_at IS NULL`;

/**
 * The state machine of docs/tasks.md from the claim on: one statement for each transition, by the database's
 * clock. Each statement names its attempt. If it changes no row, it came from a worker that has lost the task.
 */
@Injectable()
export class TaskTransitions {
  constructor(private readonly database: DataSource) {}

  /** Locks the row until `tx` ends. @returns false when the fence is stale or the task was revoked */
  async hold(tx: Transaction, { id, attempt }: Fence): Promise<boolean> {
    const locked = await rows(tx, `SELECT 1 FROM tasks WHERE ${held} FOR UPDATE`, [id, attempt]);
    return locked.length > 0;
  }

  /**
   * Ends a running task as SUCCESS.
   *
   * @param resultExpiresMs how long the result is kept, in milliseconds; null: as long as the task
   * @returns the ended row; undefined when the fence is stale or the task was revoked, and nothing has changed
   */
  async succeed(
    { id, attempt }: Fence,
    result: Json,
    resultExpiresMs: number | null,
    tx?: Transaction,
  ): Promise<Ended | undefined> {
    return this.ended(
      `UPDATE tasks SET state = 'SUCCESS', error = NULL, finished_at = now(),
              result = CASE WHEN forgotten THEN NULL ELSE $3::jsonb END,
              result_expires_at = now() + $4::float8 * interval '1 ms',
              lease_until = NULL, progress = NULL
        WHERE ${held} RETURNING ${endedColumns}`,
      [id, attempt, JSON.stringify(result), resultExpiresMs],
      tx,
    );
  }

  /** Ends a running task as FAILURE. @returns as {@link succeed} */
  async fail(
    { id, attempt }: Fence,
    error: TaskFailure,
    tx?: Transaction,
  ): Promise<Ended | undefined> {
    return this.ended(
      `UPDATE tasks SET state = 'FAILURE', error = $3, finished_at = now(), lease_until = NULL,
              progress = NULL
        WHERE ${held} RETURNING ${endedColumns}`,
      [id, attempt, error],
      tx,
    );
  }

  /** Ends a running task as REVOKED, after its handler has stopped for that. @returns as {@link succeed} */
  async confirmRevoked({ id, attempt }: Fence, tx: Transaction): Promise<Ended | undefined> {
    return this.ended(
      `UPDATE tasks SET state = 'REVOKED', error = $3, finished_at = now(), lease_until = NULL,
              progress = NULL
        WHERE id = $1 AND attempt = $2 AND state = 'STARTED' AND revoke_requested_at IS NOT NULL
        RETURNING ${endedColumns}`,
      [id, attempt, revokedFailure],
      tx,
    );
  }

  /** Makes the task RETRY: another attempt follows in `delayMs` milliseconds. @returns false when the fence is stale */
  async retry({ id, attempt }: Fence, error: TaskFailure, delayMs: number): Promise<boolean> {
    return this.changed(
      `UPDATE tasks SET state = 'RETRY', error = $3, retries = retries + 1, lease_until = NULL,
              progress = NULL, snoozed_since = NULL, run_at = now() + $4 * interval '1 ms',
              queue_check_at = now() + $4 * interval '1 ms' + interval '30 s'
        WHERE ${held} RETURNING id`,
      [id, attempt, error, delayMs],
    );
  }

  /** Gives the task back, which counts neither as a retry nor as a crash. @returns false when the fence is stale */
  async release({ id, attempt }: Fence, delayMs = 0): Promise<boolean> {
    return this.changed(
      `UPDATE tasks SET state = CASE WHEN retries > 0 THEN 'RETRY' ELSE 'PENDING' END,
              lease_until = NULL, progress = NULL, run_at = now() + $3 * interval '1 ms'
        WHERE ${held} RETURNING id`,
      [id, attempt, delayMs],
    );
  }

  /**
   * Gives the task back for another attempt in `delayMs` milliseconds, which is no retry, and writes the reason
   * for the wait into the row. If a task that it waits for has ended since the claim, it is due at once.
   *
   * @param patienceMs longest wait since the first snooze of an unbroken series, in milliseconds
   * @returns `impatient`: the task has waited for that long, and nothing has changed; `lost`: the fence is stale
   */
  async snooze(
    { id, attempt, wakes }: Fence & Pick<ClaimedTask, 'wakes'>,
    error: TaskFailure,
    delayMs: number,
    patienceMs: number,
  ): Promise<'snoozed' | 'woken' | 'impatient' | 'lost'> {
    const [row] = await query<{ snoozed: boolean; woken: boolean }>(
      this.database,
      `WITH mine AS (SELECT id, wakes > $6 AS woken FROM tasks WHERE ${held} FOR UPDATE),
            snoozed AS (
              UPDATE tasks SET state = CASE WHEN retries > 0 THEN 'RETRY' ELSE 'PENDING' END, error = $3,
                     lease_until = NULL, progress = NULL,
                     run_at = now() + CASE WHEN mine.woken THEN 0 ELSE $4 END * interval '1 ms',
                     snoozed_since = coalesce(snoozed_since, now()),
                     queue_check_at = now() + $4 * interval '1 ms' + interval '30 s'
                FROM mine WHERE tasks.id = mine.id
                 AND coalesce(snoozed_since, now()) > now() - $5::float8 * interval '1 ms'
               RETURNING tasks.id)
       SELECT EXISTS (SELECT FROM snoozed) AS snoozed, woken FROM mine`,
      [id, attempt, error, delayMs, patienceMs, wakes],
    );
    if (!row) return 'lost';
    if (!row.snoozed) return 'impatient';
    return row.woken ? 'woken' : 'snoozed';
  }

  /** Writes the progress of a running attempt. */
  async progress({ id, attempt }: Fence, progress: TaskProgress): Promise<void> {
    await query(
      this.database,
      `UPDATE tasks SET progress = $3 WHERE id = $1 AND attempt = $2 AND state = 'STARTED'`,
      [id, attempt, progress],
    );
  }

  /** Ends a task that must not run any more. @returns undefined when it has changed meanwhile */
  async settle(id: string, because: Overdue, tx: Transaction): Promise<Ended | undefined> {
    const { state, error, errorSql, still } = overdueEnds[because];
    const crash = because === 'poisoned';
    return this.ended(
      `UPDATE tasks SET state = $2, error = ${errorSql}, finished_at = now(), lease_until = NULL,
              crashes = crashes + $4, progress = NULL
        WHERE id = $1 AND ${still} RETURNING ${endedColumns}`,
      crash ? [id, state, error, 1, crashLimits()] : [id, state, error, 0],
      tx,
    );
  }

  private async ended(
    sql: string,
    parameters: unknown[],
    tx?: Transaction,
  ): Promise<Ended | undefined> {
    const touched = tx
      ? await rows<Ended>(tx, sql, parameters)
      : await query<Ended>(this.database, sql, parameters);
    return touched[0];
  }

  private async changed(sql: string, parameters: unknown[]): Promise<boolean> {
    return (await query(this.database, sql, parameters)).length > 0;
  }
}
