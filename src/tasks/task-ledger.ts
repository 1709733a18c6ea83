import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Gathered } from '../common/gathered.js';
import type { Json } from '../common/json.js';
import { SETTINGS, type Settings } from '../config/config.module.js';
import {
  isTransient,
  retried,
  rows,
  type Transaction,
} from '../infrastructure/database/transaction.js';
import type { QueueName } from './queues.js';
import type { TaskProgress } from './task-context.js';
import type { TaskFailure } from './task-errors.js';
import type { FinalState } from './task-state.js';

/** A worker dying this often with the same task quarantines it. */
const maxCrashes = 3;

export interface NewTask {
  id: string;
  name: string;
  queue: QueueName;
  priority: number;
  payload: Json;
  /** Milliseconds from now, by the database's clock; or a moment. */
  delayMs: number;
  runAt: Date | null;
  expiresInMs: number | null;
  ownerId: string | null;
  correlationId: string | null;
}

/** One claim of a task. `attempt` fences every later write. */
export interface ClaimedTask {
  id: string;
  name: string;
  payload: Json;
  attempt: number;
  retries: number;
  ownerId: string | null;
  correlationId: string | null;
}

export interface Fence {
  id: string;
  attempt: number;
}

export type Claim =
  | { kind: 'claimed'; task: ClaimedTask }
  /** Not now: due later, or leased to a worker that may be alive. Milliseconds. */
  | { kind: 'later'; inMs: number }
  /** Final, or unknown. `settled` when this call made it so. */
  | { kind: 'over'; settled?: FinalState };

/**
 * The state machine of tasks.md as guarded statements on the database's clock. Each write names its
 * attempt; one that touches no row comes from a worker that lost the task, and changed nothing.
 */
@Injectable()
export class TaskLedger {
  private readonly leaseMs: number;
  private readonly inserts = new Gathered((tasks: NewTask[]) => this.insertEach(tasks), 100);

  constructor(
    private readonly database: DataSource,
    @Inject(SETTINGS) settings: Settings,
  ) {
    this.leaseMs = settings.leaseMs;
  }

  /**
   * Joins the caller's transaction; outside of one, tasks that come at once share a commit. An id that
   * is there already stays as it is, so a sender who lost the answer may repeat with the same id.
   */
  async insert(tx: Transaction, task: NewTask): Promise<void> {
    if (tx.queryRunner) return this.insertAll(tx, [task]);
    const failure = await this.inserts.ask(task);
    if (failure !== undefined) throw failure;
  }

  private async insertAll(tx: Transaction, tasks: NewTask[]): Promise<void> {
    await tx.query(
      `INSERT INTO tasks
         (id, name, queue, priority, payload, run_at, expires_at, owner_id, correlation_id)
       SELECT id, name, queue, priority, payload::jsonb,
              coalesce("runAt", now() + "delayMs" * interval '1 ms'),
              now() + "expiresInMs" * interval '1 ms', "ownerId", "correlationId"
         FROM jsonb_to_recordset($1) AS task (
              id uuid, name text, queue text, priority smallint, payload text,
              "runAt" timestamptz, "delayMs" float8, "expiresInMs" float8,
              "ownerId" uuid, "correlationId" text)
       ON CONFLICT (id) DO NOTHING`,
      // The payload as text, for a bare JSON null would become a NULL.
      [JSON.stringify(tasks.map((task) => ({ ...task, payload: JSON.stringify(task.payload) })))],
    );
  }

  /** One that Postgres refuses must not take the others with it. */
  private async insertEach(tasks: NewTask[]): Promise<(Error | undefined)[]> {
    try {
      await this.insertAll(this.database.manager, tasks);
      return tasks.map(() => undefined);
    } catch (error) {
      if (tasks.length === 1 || isTransient(error)) throw error;
      const alone = tasks.map((task) => this.insertAll(this.database.manager, [task]));
      const outcomes = await Promise.allSettled(alone);
      return outcomes.map((o) => (o.status === 'rejected' ? (o.reason as Error) : undefined));
    }
  }

  /** Takes the task for one attempt: STARTED, attempt + 1, a lease. */
  async claim(id: string, worker: string): Promise<Claim> {
    const [task] = await this.run<ClaimedTask>(
      `UPDATE tasks
          SET state = 'STARTED', attempt = attempt + 1, worker = $2, progress = NULL,
              crashes = crashes + (state = 'STARTED')::int,
              lease_until = now() + $3 * interval '1 ms', started_at = now()
        WHERE id = $1 AND finished_at IS NULL
          AND ((state <> 'STARTED' AND run_at <= now() AND (expires_at IS NULL OR expires_at > now()))
            OR (state = 'STARTED' AND lease_until < now() AND crashes + 1 < $4))
        RETURNING id, name, payload, attempt, retries, owner_id AS "ownerId",
                  correlation_id AS "correlationId"`,
      [id, worker, this.leaseMs, maxCrashes],
    );
    return task ? { kind: 'claimed', task } : this.refusal(id);
  }

  private async refusal(id: string): Promise<Claim> {
    const [task] = await this.run<{ state: string; expired: boolean; wait: number }>(
      `SELECT state, coalesce(expires_at <= now(), false) AS expired,
              extract(epoch FROM coalesce(lease_until, run_at) - now()) * 1000 AS wait
         FROM tasks WHERE id = $1 AND finished_at IS NULL`,
      [id],
    );
    if (!task) return { kind: 'over' };
    if (task.state !== 'STARTED' && task.expired) return this.settleExpired(id);
    if (task.state === 'STARTED' && task.wait < 0) return this.settlePoisoned(id);
    return { kind: 'later', inMs: Math.max(0, Math.ceil(task.wait)) + 50 };
  }

  private async settleExpired(id: string): Promise<Claim> {
    const error: TaskFailure = {
      code: 'expired',
      message: 'The task had not started when it expired.',
      retryable: true,
    };
    return this.settle(
      `UPDATE tasks SET state = 'REVOKED', error = $2, finished_at = now()
        WHERE id = $1 AND state IN ('PENDING', 'RETRY') AND expires_at <= now() RETURNING state`,
      [id, error],
    );
  }

  private async settlePoisoned(id: string): Promise<Claim> {
    const error: TaskFailure = {
      code: 'poison_task',
      message: `The task was stopped: its worker died ${maxCrashes} times while running it.`,
      retryable: false,
    };
    return this.settle(
      `UPDATE tasks SET state = 'FAILURE', error = $2, finished_at = now(), lease_until = NULL,
              crashes = crashes + 1, progress = NULL
        WHERE id = $1 AND state = 'STARTED' AND lease_until < now() AND crashes + 1 >= $3
        RETURNING state`,
      [id, error, maxCrashes],
    );
  }

  private async settle(sql: string, parameters: unknown[]): Promise<Claim> {
    const [settled] = await this.run<{ state: FinalState }>(sql, parameters);
    // Somebody was quicker; the next look at the hint finds out what they did.
    return settled ? { kind: 'over', settled: settled.state } : { kind: 'later', inMs: 1_000 };
  }

  /** Locks the row until the end of `tx`. @returns false when the fence is stale */
  async hold(tx: Transaction, { id, attempt }: Fence): Promise<boolean> {
    const held = await rows(
      tx,
      `SELECT 1 FROM tasks WHERE id = $1 AND attempt = $2 AND state = 'STARTED' FOR UPDATE`,
      [id, attempt],
    );
    return held.length > 0;
  }

  /** @returns false when the fence is stale: nothing was changed */
  async succeed({ id, attempt }: Fence, result: Json, tx?: Transaction): Promise<boolean> {
    return this.changed(
      `UPDATE tasks SET state = 'SUCCESS', result = CASE WHEN forgotten THEN NULL ELSE $3::jsonb END, error = NULL, finished_at = now(),
              lease_until = NULL, progress = NULL
        WHERE id = $1 AND attempt = $2 AND state = 'STARTED' RETURNING id`,
      [id, attempt, JSON.stringify(result)],
      tx,
    );
  }

  async fail({ id, attempt }: Fence, error: TaskFailure): Promise<boolean> {
    return this.changed(
      `UPDATE tasks SET state = 'FAILURE', error = $3, finished_at = now(), lease_until = NULL,
              progress = NULL
        WHERE id = $1 AND attempt = $2 AND state = 'STARTED' RETURNING id`,
      [id, attempt, error],
    );
  }

  /** Another attempt in `delayMs`; counts as a retry. */
  async retry({ id, attempt }: Fence, error: TaskFailure, delayMs: number): Promise<boolean> {
    return this.changed(
      `UPDATE tasks SET state = 'RETRY', error = $3, retries = retries + 1, lease_until = NULL,
              progress = NULL, run_at = now() + $4 * interval '1 ms',
              queue_check_at = now() + $4 * interval '1 ms' + interval '30 s'
        WHERE id = $1 AND attempt = $2 AND state = 'STARTED' RETURNING id`,
      [id, attempt, error, delayMs],
    );
  }

  /** Gives the task back unharmed: neither a retry nor a crash. */
  async release({ id, attempt }: Fence, delayMs = 0): Promise<boolean> {
    return this.changed(
      `UPDATE tasks SET state = CASE WHEN retries > 0 THEN 'RETRY' ELSE 'PENDING' END,
              lease_until = NULL, progress = NULL, run_at = now() + $3 * interval '1 ms'
        WHERE id = $1 AND attempt = $2 AND state = 'STARTED' RETURNING id`,
      [id, attempt, delayMs],
    );
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
   * @returns ids of the attempts that still have their task; a missing one is lost
   */
  async renew(fences: Fence[]): Promise<Set<string>> {
    const kept = await this.run<{ id: string }>(
      `WITH mine (id, attempt) AS (SELECT * FROM unnest($1::uuid[], $2::int[])),
            free AS (SELECT id FROM tasks t JOIN mine USING (id, attempt)
                      WHERE state = 'STARTED' FOR UPDATE OF t SKIP LOCKED),
            renewed AS (UPDATE tasks SET lease_until = now() + $3 * interval '1 ms'
                         WHERE id IN (SELECT id FROM free))
       SELECT id FROM tasks JOIN mine USING (id, attempt) WHERE state = 'STARTED'`,
      [fences.map((f) => f.id), fences.map((f) => f.attempt), this.leaseMs],
    );
    return new Set(kept.map((task) => task.id));
  }

  async progress({ id, attempt }: Fence, progress: TaskProgress): Promise<void> {
    await this.run(
      `UPDATE tasks SET progress = $3 WHERE id = $1 AND attempt = $2 AND state = 'STARTED'`,
      [id, attempt, progress],
    );
  }

  private async changed(sql: string, parameters: unknown[], tx?: Transaction): Promise<boolean> {
    const touched = tx ? await rows(tx, sql, parameters) : await this.run(sql, parameters);
    return touched.length > 0;
  }

  private run<T>(sql: string, parameters: unknown[]): Promise<T[]> {
    return retried(() => rows<T>(this.database, sql, parameters));
  }
}
