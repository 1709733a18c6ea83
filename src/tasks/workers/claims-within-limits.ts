import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction, type Transaction } from '../../infrastructure/database/transaction.js';
import type { TaskDefinition } from '../definitions/task-definition.js';
import { TaskRegistry } from '../definitions/task-registry.js';
import type { Claim, LimitedTask } from '../ledger/ledger-rows.js';
import { TaskClaims } from '../ledger/task-claims.js';
import { ConcurrencyLimits } from '../limits/concurrency-limits.js';
import { FairShares } from '../limits/fair-shares.js';
import { limitKey } from '../limits/limit-key.js';
import { RateLimits } from '../limits/rate-limits.js';
import { TaskLimits } from '../limits/task-limits.js';

/** Pause before a task is looked at again that has changed during its claim. Milliseconds. */
const lookAgainMs = 1_000;

type Outcome = Extract<Claim, { kind: 'claimed' | 'later' }>;

/**
 * Claims tasks that have limits or share their workers, in a transaction that holds the locks of their keys. So the
 * limits are exact, however many workers there are.
 */
@Injectable()
export class ClaimsWithinLimits {
  constructor(
    private readonly database: DataSource,
    private readonly claims: TaskClaims,
    private readonly registry: TaskRegistry,
    private readonly limits: TaskLimits,
    private readonly rates: RateLimits,
    private readonly concurrency: ConcurrencyLimits,
    private readonly shares: FairShares,
  ) {}

  /** Names of the definitions whose tasks have limits or shares. */
  names(): string[] {
    return this.registry.definitions.filter((task) => this.hasLimits(task)).map(({ name }) => name);
  }

  private hasLimits(task: TaskDefinition): boolean {
    const { concurrencyLimit, fairShare } = task;
    return concurrencyLimit !== null || fairShare !== null || this.limits.rateLimit(task) !== null;
  }

  /** Claims the task; with a fair share, the one that is first in its line. */
  async claim(asked: LimitedTask, worker: string, alone: boolean): Promise<Outcome> {
    const { definition } = this.registry.find(asked.name)!;
    let tries = 0;
    let chosen = asked.id;
    return inTransaction(this.database, async (tx): Promise<Outcome> => {
      // After a broken connection: the claim may have been made and counted, and only its answer lost.
      const made = tries++ > 0 ? await this.claims.unheardClaim(tx, chosen) : undefined;
      if (made) return { kind: 'claimed', task: made };
      const first = definition.fairShare
        ? await this.shares.first(tx, asked, alone)
        : { task: asked };
      if ('inMs' in first) return { kind: 'later', inMs: first.inMs };
      const { task } = first;
      chosen = task.id;
      const concurrencyKey = keyOf(definition, definition.concurrencyLimit, task);
      const inMs = await this.waitMs(tx, definition, task, concurrencyKey);
      if (inMs > 0) return { kind: 'later', inMs };
      const claimed = await this.claims.claimWithin(tx, task.id, worker, concurrencyKey, alone);
      if (!claimed) return { kind: 'later', inMs: lookAgainMs };
      const rate = this.limits.rateLimit(definition);
      if (rate) {
        const key = keyOf(definition, definition.rateLimit ?? {}, task) ?? '';
        await this.rates.started(tx, task.name, key, rate, claimed.startedAt);
      }
      return { kind: 'claimed', task: claimed };
    });
  }

  private async waitMs(
    tx: Transaction,
    definition: TaskDefinition,
    task: LimitedTask,
    concurrencyKey: string | null,
  ): Promise<number> {
    const { id, name } = task;
    const places = definition.concurrencyLimit?.limit ?? Infinity;
    if (concurrencyKey !== null) {
      const inMs = await this.concurrency.waitMs(tx, id, name, concurrencyKey, places);
      if (inMs > 0) return inMs;
    }
    const rate = this.limits.rateLimit(definition);
    if (rate === null) return 0;
    const key = keyOf(definition, definition.rateLimit ?? {}, task) ?? '';
    return this.rates.waitMs(tx, name, key, rate);
  }
}

/**
 * The key by which a limit counts a task; null: there is no such limit. A `map` task counts by its first
 * payload. An invalid payload gets the empty key, and its attempt will report the error. The same applies when
 * `key` throws or makes a key that is too long: if such a task were refused here, it would wait forever.
 */
function keyOf(
  definition: TaskDefinition,
  limit: { key?(payload: unknown): string } | null,
  { kind, payload }: LimitedTask,
): string | null {
  if (limit === null) return null;
  const parsed = definition.payload.safeParse(kind === 'map' ? (payload as unknown[])[0] : payload);
  if (!parsed.success) return '';
  try {
    return limitKey(definition, limit, parsed.data);
  } catch {
    return '';
  }
}
