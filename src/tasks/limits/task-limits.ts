import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction, retried, rows } from '../../infrastructure/database/transaction.js';
import type { TaskDefinition, TaskOverrides } from '../definitions/task-definition.js';

/** At most `limit` starts in any `perMs` milliseconds. */
export interface Rate {
  limit: number;
  perMs: number;
}

/** Time limits of one attempt, in milliseconds. */
export interface TimeLimits {
  softTimeLimitMs: number;
  hardTimeLimitMs: number;
}

/** Time limits set at run time, in milliseconds; null: the definition's limit applies. */
export interface ChangedTimes {
  softMs: number | null;
  hardMs: number | null;
}

interface Changed {
  name: string;
  rateLimit: number | null;
  ratePerMs: number | null;
  softMs: number | null;
  hardMs: number | null;
}

/**
 * The limits of tasks that apply now: those set at run time, else the definition's. Limits set at run time
 * are rows of `task_limits`, so they survive restarts. Each worker keeps them in memory.
 *
 * Failure window: a worker misses the message that a limit has changed. Remedy: it also reads the rows
 * at each heartbeat, so it is at most five seconds late.
 */
@Injectable()
export class TaskLimits {
  private changed = new Map<string, Changed>();

  constructor(private readonly database: DataSource) {}

  /** The time limits of an attempt. @param own what the sender has set for this task; takes precedence */
  timeLimits(definition: TaskDefinition, own: TaskOverrides | null = null): TimeLimits {
    const changed = this.changed.get(definition.name);
    const hardTimeLimitMs = own?.hardTimeLimitMs ?? changed?.hardMs ?? definition.hardTimeLimitMs;
    const softTimeLimitMs = own?.softTimeLimitMs ?? changed?.softMs ?? definition.softTimeLimitMs;
    return { softTimeLimitMs: Math.min(softTimeLimitMs, hardTimeLimitMs), hardTimeLimitMs };
  }

  /** The rate limit; null: none. The definition's `key` also applies to a rate that was set at run time. */
  rateLimit(definition: TaskDefinition): Rate | null {
    const changed = this.changed.get(definition.name);
    if (changed?.rateLimit && changed.ratePerMs) {
      return { limit: changed.rateLimit, perMs: changed.ratePerMs };
    }
    const { rateLimit } = definition;
    return rateLimit && { limit: rateLimit.limit, perMs: rateLimit.perMs };
  }

  /** Reads the limits that were set. @throws when the database does not answer; the old values then stay */
  async load(): Promise<void> {
    const found = await retried(() =>
      rows<Changed>(
        this.database,
        `SELECT name, rate_limit AS "rateLimit", rate_per_ms AS "ratePerMs",
                soft_ms AS "softMs", hard_ms AS "hardMs" FROM task_limits`,
      ),
    );
    this.changed = new Map(found.map((row) => [row.name, row]));
  }

  /** Sets a rate limit; null: back to the definition's. `WorkerControl` tells the workers. */
  async setRate(task: string, rate: Rate | null): Promise<void> {
    await this.write(
      `INSERT INTO task_limits (name, rate_limit, rate_per_ms) VALUES ($1, $2, $3)
       ON CONFLICT (name) DO UPDATE SET rate_limit = $2, rate_per_ms = $3, updated_at = now()`,
      [task, rate?.limit ?? null, rate?.perMs ?? null],
    );
  }

  /** Sets time limits, in milliseconds; null: back to the definition's. */
  async setTimes(task: string, { softMs, hardMs }: ChangedTimes): Promise<void> {
    await this.write(
      `INSERT INTO task_limits (name, soft_ms, hard_ms) VALUES ($1, $2, $3)
       ON CONFLICT (name) DO UPDATE SET soft_ms = $2, hard_ms = $3, updated_at = now()`,
      [task, softMs, hardMs],
    );
  }

  private async write(sql: string, parameters: [string, ...unknown[]]): Promise<void> {
    await inTransaction(this.database, async (tx) => {
      await tx.query(sql, parameters);
      await tx.query(
        `DELETE FROM task_limits
          WHERE name = $1 AND coalesce(rate_limit, soft_ms, hard_ms) IS NULL`,
        [parameters[0]],
      );
    });
  }
}
