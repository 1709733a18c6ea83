import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction, retried, rows } from '../../infrastructure/database/transaction.js';
import type { TaskDefinition, TaskOverrides } from '../task-definition.js';
import type { TimeLimits } from '../workers/task-run.js';

/** At most `limit` starts in any `perMs` milliseconds. */
export interface Rate {
  limit: number;
  perMs: number;
}

/** Milliseconds; null: the definition's. */
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
 * Limits of tasks as they are now: the definition's, or what was set in their place at run time. The
 * latter are rows, so they outlive every process; a worker has them in memory.
 *
 * Failure window: a worker misses the message that a limit has changed. It reads the rows at each
 * heartbeat too, so it is five seconds late at most.
 */
@Injectable()
export class TaskLimits {
  private changed = new Map<string, Changed>();

  constructor(private readonly database: DataSource) {}

  /** @param own what the sender decided for this task; wins */
  timeLimits(definition: TaskDefinition, own: TaskOverrides | null = null): TimeLimits {
    const changed = this.changed.get(definition.name);
    const hardTimeLimitMs = own?.hardTimeLimitMs ?? changed?.hardMs ?? definition.hardTimeLimitMs;
    const softTimeLimitMs = own?.softTimeLimitMs ?? changed?.softMs ?? definition.softTimeLimitMs;
    return { softTimeLimitMs: Math.min(softTimeLimitMs, hardTimeLimitMs), hardTimeLimitMs };
  }

  /** Null: as fast as there are workers. What the limit counts by (`key`) stays the definition's. */
  rateLimit(definition: TaskDefinition): Rate | null {
    const changed = this.changed.get(definition.name);
    if (changed?.rateLimit && changed.ratePerMs) {
      return { limit: changed.rateLimit, perMs: changed.ratePerMs };
    }
    const { rateLimit } = definition;
    return rateLimit && { limit: rateLimit.limit, perMs: rateLimit.perMs };
  }

  /** Reads what was set. @throws when the database does not answer; what was known stays */
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

  /** Null: back to the definition's. The workers hear of it through `WorkerControl`. */
  async setRate(task: string, rate: Rate | null): Promise<void> {
    await this.write(
      `INSERT INTO task_limits (name, rate_limit, rate_per_ms) VALUES ($1, $2, $3)
       ON CONFLICT (name) DO UPDATE SET rate_limit = $2, rate_per_ms = $3, updated_at = now()`,
      [task, rate?.limit ?? null, rate?.perMs ?? null],
    );
  }

  /** Milliseconds; null: back to the definition's. */
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
