import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction, type Transaction } from '../../infrastructure/database/transaction.js';
import type { TaskDefinition } from '../definitions/task-definition.js';
import { TaskRegistry } from '../definitions/task-registry.js';
import type { Claim, ClaimedTask, LimitedTask } from '../ledger/ledger-rows.js';
import type { RunOutcome } from '../ledger/run-outcome.js';
import { TaskClaims } from '../ledger/task-claims.js';
import { ConcurrencyLimits } from '../limits/concurrency-limits.js';
import { limitKey } from '../limits/limit-key.js';
import { RateLimits } from '../limits/rate-limits.js';
import { TaskLimits } from '../limits/task-limits.js';
import { TaskGates, type TaskGate } from './task-gates.js';

/** Pause before a task is looked at again that has changed during its claim. Milliseconds. */
const lookAgainMs = 1_000;

/** The outcome of a claim, after limits and gate were checked. */
type Decided =
  | Exclude<Claim, { kind: 'limited' | 'unknown' }>
  /** Could be claimed, but the gate of its definition is shut. */
  | { kind: 'held'; gate: TaskGate };

/** How long a hint is delayed when this worker has no handler for its task; another release may. Milliseconds. */
const unknownMs = 5_000;

/**
 * Claims tasks within their rate and concurrency limits. A task without limits is claimed by one statement. A
 * task with limits is claimed in a transaction that holds the locks of its keys, so the limits are exact,
 * however many workers there are.
 */
@Injectable()
export class LimitedClaims {
  private readonly log = new Logger('Limits');
  private readonly unknown = new Set<string>();

  constructor(
    private readonly database: DataSource,
    private readonly claims: TaskClaims,
    private readonly registry: TaskRegistry,
    private readonly limits: TaskLimits,
    private readonly rates: RateLimits,
    private readonly concurrency: ConcurrencyLimits,
    private readonly gates: TaskGates,
  ) {}

  /** Claims a task, or says why it cannot. @param alone nothing else runs in the process of the handler */
  async claim(id: string, worker: string, alone: boolean): Promise<Decided> {
    const known = this.registry.definitions.map((task) => task.name);
    const limited = [...this.limitedNames(), ...this.gates.shut()];
    const claim = await this.claims.claim(id, worker, { known, limited, alone });
    if (claim.kind === 'unknown') return this.leave(claim.name);
    if (claim.kind !== 'limited') return claim;
    const gate = this.gates.find(claim.task.name);
    return gate?.isShut ? { kind: 'held', gate } : this.claimLimited(claim.task, worker, alone);
  }

  /**
   * Call it when an attempt has ended. Wakes the next task that waits for its place under a concurrency limit,
   * and tells the task's gate of a snooze. Never throws.
   */
  released({ name, concurrencyKey }: ClaimedTask, outcome: RunOutcome | undefined): void {
    if (outcome?.kind === 'later' && outcome.snoozed) this.gates.find(name)?.snoozed();
    const limit = this.registry.find(name)?.definition.concurrencyLimit?.limit;
    if (concurrencyKey !== null && limit !== undefined) {
      this.concurrency.wakeNext(name, concurrencyKey, limit);
    }
  }

  /** Leaves a task to other workers. Logs this once for each name, as there may be many such tasks. */
  private leave(name: string): Decided {
    if (!this.unknown.has(name)) {
      this.unknown.add(name);
      this.log.warn(`No handler for "${name}" here: its tasks wait for a worker that has one.`);
    }
    return { kind: 'later', inMs: Math.round(unknownMs * (0.75 + Math.random() / 2)) };
  }

  private limitedNames(): string[] {
    return this.registry.definitions
      .filter((task) => task.concurrencyLimit !== null || this.limits.rateLimit(task) !== null)
      .map((task) => task.name);
  }

  private async claimLimited(task: LimitedTask, worker: string, alone: boolean): Promise<Decided> {
    const { definition } = this.registry.find(task.name)!;
    let tries = 0;
    return inTransaction(this.database, async (tx): Promise<Decided> => {
      // After a broken connection: the claim may have been made and counted, and only its answer lost.
      const made = tries++ > 0 ? await this.claims.unheardClaim(tx, task.id) : undefined;
      if (made) return { kind: 'claimed', task: made };
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
