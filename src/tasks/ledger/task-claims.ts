import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Json } from '../../common/json.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import {
  query,
  retried,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { thisProcess } from '../process/process-identity.js';
import { claimSql, claimable, crashLimits, suspect, unheardClaimSql } from './claim-sql.js';
import type { Claim, ClaimedTask } from './ledger-rows.js';

/** Which tasks a claim may take. */
export interface ClaimScope {
  /** Names of the tasks that this worker can run. A task of another name is answered with `unknown`. Default: all. */
  known?: string[];
  /** Names of tasks that have limits. They are not claimed, but answered with `limited`. */
  limited?: string[];
  /** Nothing else runs in the process of the handler. Default: false. */
  alone?: boolean;
}

/**
 * Claims give a task to one worker. Each claim raises the attempt number, which every later write of that
 * attempt must name (the fencing token), and starts a lease by the database's clock.
 */
@Injectable()
export class TaskClaims {
  private readonly leaseMs: number;

  constructor(
    private readonly database: DataSource,
    @Inject(SETTINGS) settings: Settings,
  ) {
    this.leaseMs = settings.leaseMs;
  }

  /** Claims a task: it becomes STARTED, with the next attempt number and a lease. Or says why it cannot. */
  async claim(id: string, worker: string, which: ClaimScope = {}): Promise<Claim> {
    const sql = claimSql('($8::text[] IS NULL OR name = ANY($8)) AND name <> ALL($7)');
    const own = this.claimParameters(id, worker, which.alone ?? false);
    const parameters = [...own, which.limited ?? [], which.known ?? null];
    let tries = 0;
    const task = await retried(async () => {
      // After a broken connection: the claim may have been made, and only its answer lost.
      const made = tries++ > 0 ? await this.unheardClaim(this.database.manager, id) : undefined;
      return made ?? (await rows<ClaimedTask>(this.database, sql, parameters))[0];
    });
    return task ? { kind: 'claimed', task } : this.refusal(id, which);
  }

  /** The claim that this process has made and whose answer was lost. Use it only after a connection broke. */
  async unheardClaim(tx: Transaction, id: string): Promise<ClaimedTask | undefined> {
    return (await rows<ClaimedTask>(tx, unheardClaimSql, [id, thisProcess]))[0];
  }

  /**
   * Claims a task in the transaction of a caller that holds the locks of the task's limits.
   *
   * @param concurrencyKey the key by which running tasks are counted; null: no concurrency limit
   * @returns undefined when the task cannot be claimed
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
    const [task] = await query<{
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
      this.database,
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
    // The task has changed since the claim was tried.
    if (task.claimable) return { kind: 'later', inMs: 50 };
    const running = task.state === 'STARTED';
    if (!running && task.expired) return { kind: 'overdue', because: 'expired' };
    if (task.revoked && (!running || task.wait < 0)) return { kind: 'overdue', because: 'revoked' };
    if (running && task.wait < 0) return { kind: 'overdue', because: 'poisoned' };
    return { kind: 'later', inMs: Math.max(0, Math.ceil(task.wait)) + 50 };
  }
}
