import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { query } from '../../infrastructure/database/transaction.js';
import type { RevokeRequest } from '../definitions/task-errors.js';
import type { Fence } from './ledger-rows.js';

/**
 * A worker keeps a running task by renewing its lease. When a lease expires, the worker is taken for dead and
 * the task can be claimed again.
 */
@Injectable()
export class TaskLeases {
  private readonly leaseMs: number;

  constructor(
    private readonly database: DataSource,
    @Inject(SETTINGS) settings: Settings,
  ) {
    this.leaseMs = settings.leaseMs;
  }

  /** Takes back the crash that was counted for this attempt: its process is alive after all. */
  async survived({ id, attempt }: Fence): Promise<void> {
    await query(
      this.database,
      `UPDATE tasks SET crashes = crashes - 1, crashed_attempts = array_remove(crashed_attempts, $2)
        WHERE id = $1 AND $2 = ANY(crashed_attempts)`,
      [id, attempt],
    );
  }

  /** @returns the worker that runs a newer attempt of the task now; undefined: none does */
  async successor({ id, attempt }: Fence): Promise<string | undefined> {
    const [now] = await query<{ worker: string }>(
      this.database,
      `SELECT worker FROM tasks WHERE id = $1 AND attempt > $2 AND state = 'STARTED'`,
      [id, attempt],
    );
    return now?.worker;
  }

  /** Ends the lease of an attempt whose process died. The next claim counts the crash. @returns false when the fence is stale */
  async crashed({ id, attempt }: Fence): Promise<boolean> {
    const ended = await query(
      this.database,
      `UPDATE tasks SET lease_until = now() - interval '1 ms'
        WHERE id = $1 AND attempt = $2 AND state = 'STARTED' RETURNING id`,
      [id, attempt],
    );
    return ended.length > 0;
  }

  /**
   * Renews the leases of attempts. Locked rows are skipped: an attempt that is just being ended may take long,
   * and the others must not lose their leases meanwhile.
   *
   * @returns the ids of tasks that still belong to their attempt, and for revoked ones how to stop them, else
   *   null. A task that is missing was lost.
   */
  async renew(fences: Fence[]): Promise<Map<string, RevokeRequest | null>> {
    const kept = await query<{ id: string; revoke: RevokeRequest | null }>(
      this.database,
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
}
