import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Json } from '../common/json.js';
import { SETTINGS, type Settings } from '../config/config.module.js';
import {
  claimSql,
  claimable,
  crashLimits,
  poisoned,
  suspect,
  unheardClaimSql,
} from './claim-sql.js';
import { retried, rows, type Transaction } from '../infrastructure/database/transaction.js';
import {
  endedColumns,
  type Claim,
  type ClaimedTask,
  type Ended,
  type Fence,
} from './ledger-rows.js';
import type { TaskProgress } from './task-context.js';
import { revokedFailure, type RevokeRequest, type TaskFailure } from './task-errors.js';
import type { FinalState } from './task-state.js';
import { thisProcess } from './workers/process-identity.js';

/** The attempt of $1 and $2 still has the task, and nobody has revoked it. */
const held = `id = $1 AND attempt = $2 AND state = 'STARTED' AND revoke_requested_at IS NULL`;

const overdue = {
  expired: {
    state: 'REVOKED',
    error: {
      code: 'expired',
      message: 'The task expired before it could run.',
      retryable: false,
    },
    still: `state IN ('PENDING', 'RETRY') AND expires_at <= now()`,
  },
  revoked: {
    state: 'REVOKED',
    error: revokedFailure,
    still: `revoke_requested_at IS NOT NULL AND finished_at IS NULL
        AND (lease_until IS NULL OR lease_until < now())`,
  },
  poisoned: {
    state: 'FAILURE',
    error: {
      code: 'poison_task',
      message: 'The task was stopped: its worker died too often while running it.',
      retryable: false,
    },
    still: poisoned('$5'),
  },
} satisfies Record<string, { state: FinalState; error: TaskFailure; still: string }>;

/** Of one that began, says so, and what became of its last attempt. */
const expiredError = `CASE WHEN attempt = 0 THEN $3::jsonb ELSE $3::jsonb || jsonb_build_object(
  'message', 'The task expired after ' || attempt || CASE attempt WHEN 1 THEN ' attempt' ELSE ' attempts' END
    || coalesce('. The last one failed with ' || (error->>'code') || ': ' || (error->>'message'),
                ' that did not end.')) END`;

/** What a claim may take. */
export interface ClaimScope {
  /** All tasks that this worker can run; others are left as they are. Default: every task. */
  known?: string[];
  /** Those that are not to be claimed, but answered with `limited`. */
  limited?: string[];
  /** Nothing else runs in the process of its handler. Default: something may. */
  alone?: boolean;
}

/**
 * The state machine of tasks.md as guarded statements on the database's clock. Each write names its
 * attempt; one that touches no row comes from a worker that lost the task, and changed nothing.
 */
@Injectable()
export class TaskLedger {
  private readonly leaseMs: number;

  constructor(
    private readonly database: DataSource,
    @Inject(SETTINGS) settings: Settings,
  ) {
    this.leaseMs = settings.leaseMs;
  }

  /** Takes the task for one attempt: STARTED, attempt + 1, a lease. */
  async claim(id: string, worker: string, which: ClaimScope = {}): Promise<Claim> {
    const sql = claimSql('($8::text[] IS NULL OR name = ANY($8)) AND name <> ALL($7)');
    const own = this.claimParameters(id, worker, which.alone ?? false);
    const parameters = [...own, which.limited ?? [], which.known ?? null];
    let tries = 0;
    const task = await retried(async () => {
      // The connection broke: the claim may be made and only its answer lost.
      const made = tries++ > 0 ? await this.unheardClaim(this.database.manager, id) : undefined;
      return made ?? (await rows<ClaimedTask>(this.database, sql, parameters))[0];
    });
    return task ? { kind: 'claimed', task } : this.refusal(id, which);
  }

  /** What this process has claimed without hearing of it. Ask only after a connection broke. */
  async unheardClaim(tx: Transaction, id: string): Promise<ClaimedTask | undefined> {
    return (await rows<ClaimedTask>(tx, unheardClaimSql, [id, thisProcess]))[0];
  }

  /**
   * The same in the transaction of a caller who holds the locks of the task's limits.
   *
   * @param concurrencyKey what its running tasks are counted by
   * @returns undefined when it cannot be claimed
   */
  async claimWithin(
    tx: Transaction,
    id: string,
    worker: string,
    concurrencyKey: string | null,
    alone = false,
  ): Promise<ClaimedTask | undefined> {
    const parameters = [...this.claimParameters(id, worker, alone), concurrencyKey];
    const [task] = await rows<ClaimedTask>(
      tx,
      claimSql('true', 'concurrency_key = $7,'),
      parameters,
    );
    return task;
  }

  private claimParameters(id: string, worker: string, alone: boolean): unknown[] {
    return [id, worker, this.leaseMs, crashLimits(), thisProcess, alone];
  }

  private async refusal(id: string, which: ClaimScope): Promise<Claim> {
    const { known, limited = [], alone } = which;
    const [task] = await this.run<{
      id: string;
      kind: 'task' | 'map';
      name: string;
      payload: Json;
      state: string;
      claimable: boolean;
      suspect: boolean;
      expired: boolean;
      revoked: boolean;
      wait: number;
    }>(
      `SELECT id, kind, name, CASE WHEN name = ANY($2) THEN payload END AS payload, state,
              ${claimable('$3')} AS claimable, ${suspect('$3')} AS suspect,
              coalesce(expires_at <= now(), false) AS expired,
              revoke_requested_at IS NOT NULL AS revoked,
              extract(epoch FROM coalesce(lease_until, run_at) - now()) * 1000 AS wait
         FROM tasks WHERE id = $1 AND finished_at IS NULL AND NOT blocked`,
      [id, limited, crashLimits()],
    );
    if (!task) return { kind: 'over' };
    if (task.claimable && known?.includes(task.name) === false)
      return { kind: 'unknown', name: task.name };
    if (task.claimable && task.suspect && !alone) return { kind: 'suspect' };
    if (task.claimable && limited.includes(task.name)) return { kind: 'limited', task };
    // Somebody has changed it since.
    if (task.claimable) return { kind: 'later', inMs: 50 };
    const running = task.state === 'STARTED';
    if (!running && task.expired) return { kind: 'overdue', because: 'expired' };
    if (task.revoked && (!running || task.wait < 0)) return { kind: 'overdue', because: 'revoked' };
    if (running && task.wait < 0) return { kind: 'overdue', because: 'poisoned' };
    return { kind: 'later', inMs: Math.max(0, Math.ceil(task.wait)) + 50 };
  }

  /** Ends a task that must not run any more. @returns undefined when somebody was quicker */
  async settle(
    id: string,
    because: 'expired' | 'revoked' | 'poisoned',
    tx: Transaction,
  ): Promise<Ended | undefined> {
    const { state, error, still } = overdue[because];
    return this.ended(
      `UPDATE tasks SET state = $2, error = ${because === 'expired' ? expiredError : '$3::jsonb'},
              finished_at = now(), lease_until = NULL, crashes = crashes + $4, progress = NULL
        WHERE id = $1 AND ${still} RETURNING ${endedColumns}`,
      because === 'poisoned' ? [id, state, error, 1, crashLimits()] : [id, state, error, 0],
      tx,
    );
  }

  /** Locks the row until the end of `tx`. @returns false when the fence is stale */
  async hold(tx: Transaction, { id, attempt }: Fence): Promise<boolean> {
    const locked = await rows(tx, `SELECT 1 FROM tasks WHERE ${held} FOR UPDATE`, [id, attempt]);
    return locked.length > 0;
  }

  /**
   * @param resultExpiresMs milliseconds that the result is kept; null: as long as the task
   * @returns undefined when the fence is stale or the task was revoked: nothing was changed
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

  /** @returns as {@link succeed} */
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

  /** Confirms that a running task has stopped because it was revoked. @returns as {@link succeed} */
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

  /** Another attempt in `delayMs`; counts as a retry. */
  async retry({ id, attempt }: Fence, error: TaskFailure, delayMs: number): Promise<boolean> {
    return this.changed(
      `UPDATE tasks SET state = 'RETRY', error = $3, retries = retries + 1, lease_until = NULL,
              progress = NULL, snoozed_since = NULL, run_at = now() + $4 * interval '1 ms',
              queue_check_at = now() + $4 * interval '1 ms' + interval '30 s'
        WHERE ${held} RETURNING id`,
      [id, attempt, error, delayMs],
    );
  }

  /** Gives the task back unharmed: neither a retry nor a crash. */
  async release({ id, attempt }: Fence, delayMs = 0): Promise<boolean> {
    return this.changed(
      `UPDATE tasks SET state = CASE WHEN retries > 0 THEN 'RETRY' ELSE 'PENDING' END,
              lease_until = NULL, progress = NULL, run_at = now() + $3 * interval '1 ms'
        WHERE ${held} RETURNING id`,
      [id, attempt, delayMs],
    );
  }

  /**
   * Another attempt in `delayMs` that is no retry, with the reason for the wait in the row.
   *
   * @param patienceMs milliseconds since the first snooze of an unbroken row of them
   * @returns `impatient`: it has waited for that long, and nothing was changed; `lost`: the fence is stale
   */
  async snooze(
    { id, attempt }: Fence,
    error: TaskFailure,
    delayMs: number,
    patienceMs: number,
  ): Promise<'snoozed' | 'impatient' | 'lost'> {
    const [row] = await this.run<{ snoozed: boolean }>(
      `WITH mine AS (SELECT id FROM tasks WHERE ${held} FOR UPDATE),
            snoozed AS (
              UPDATE tasks SET state = CASE WHEN retries > 0 THEN 'RETRY' ELSE 'PENDING' END, error = $3,
                     lease_until = NULL, progress = NULL, run_at = now() + $4 * interval '1 ms',
                     snoozed_since = coalesce(snoozed_since, now()),
                     queue_check_at = now() + $4 * interval '1 ms' + interval '30 s'
               WHERE id IN (SELECT id FROM mine)
                 AND coalesce(snoozed_since, now()) > now() - $5::float8 * interval '1 ms'
               RETURNING id)
       SELECT EXISTS (SELECT FROM snoozed) AS snoozed FROM mine`,
      [id, attempt, error, delayMs, patienceMs],
    );
    if (!row) return 'lost';
    return row.snoozed ? 'snoozed' : 'impatient';
  }

  /** The process of this attempt lives, whatever was thought of it: no crash. */
  async survived({ id, attempt }: Fence): Promise<void> {
    await this.run(
      `UPDATE tasks SET crashes = crashes - 1, crashed_attempts = array_remove(crashed_attempts, $2)
        WHERE id = $1 AND $2 = ANY(crashed_attempts)`,
      [id, attempt],
    );
  }

  /** @returns who runs a newer attempt of the task now; undefined when nobody does */
  async successor({ id, attempt }: Fence): Promise<string | undefined> {
    const [now] = await this.run<{ worker: string }>(
      `SELECT worker FROM tasks WHERE id = $1 AND attempt > $2 AND state = 'STARTED'`,
      [id, attempt],
    );
    return now?.worker;
  }

  /** Ends the lease of an attempt whose process died: the next claim counts the crash. */
  async crashed({ id, attempt }: Fence): Promise<boolean> {
    return this.changed(
      `UPDATE tasks SET lease_until = now() - interval '1 ms'
        WHERE id = $1 AND attempt = $2 AND state = 'STARTED' RETURNING id`,
      [id, attempt],
    );
  }

  /**
   * Leaves out rows that are locked: an attempt that is just being ended, however long that takes, must
   * not cost the others their leases.
   *
   * @returns attempts that still have their task, a missing one is lost; with how each shall be stopped,
   *   for those that somebody revoked
   */
  async renew(fences: Fence[]): Promise<Map<string, RevokeRequest | null>> {
    const kept = await this.run<{ id: string; revoke: RevokeRequest | null }>(
      `WITH mine (id, attempt) AS (SELECT * FROM unnest($1::uuid[], $2::int[])),
            free AS (SELECT id FROM tasks t JOIN mine USING (id, attempt)
                      WHERE state = 'STARTED' FOR UPDATE OF t SKIP LOCKED),
            renewed AS (UPDATE tasks SET lease_until = now() + $3 * interval '1 ms'
                         WHERE id IN (SELECT id FROM free))
       SELECT id, revoke_requested AS revoke FROM tasks JOIN mine USING (id, attempt)
        WHERE state = 'STARTED'`,
      [fences.map((f) => f.id), fences.map((f) => f.attempt), this.leaseMs],
    );
    return new Map(kept.map((task) => [task.id, task.revoke]));
  }

  async progress({ id, attempt }: Fence, progress: TaskProgress): Promise<void> {
    await this.run(
      `UPDATE tasks SET progress = $3 WHERE id = $1 AND attempt = $2 AND state = 'STARTED'`,
      [id, attempt, progress],
    );
  }

  private async changed(sql: string, parameters: unknown[]): Promise<boolean> {
    return (await this.run(sql, parameters)).length > 0;
  }

  private async ended(
    sql: string,
    parameters: unknown[],
    tx?: Transaction,
  ): Promise<Ended | undefined> {
    const touched = tx
      ? await rows<Ended>(tx, sql, parameters)
      : await this.run<Ended>(sql, parameters);
    return touched[0];
  }

  private run<T>(sql: string, parameters: unknown[]): Promise<T[]> {
    return retried(() => rows<T>(this.database, sql, parameters));
  }
}
