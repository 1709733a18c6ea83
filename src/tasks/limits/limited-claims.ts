import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { messageOf } from '../../common/message-of.js';
import { inTransaction, type Transaction } from '../../infrastructure/database/transaction.js';
import { TaskLimits } from '../control/task-limits.js';
import type { TaskDefinition } from '../task-definition.js';
import { TaskGates, type TaskGate } from '../task-gates.js';
import { TaskHints } from '../task-hints.js';
import type { Claim, ClaimedTask, LimitedTask } from '../ledger-rows.js';
import { TaskLedger } from '../task-ledger.js';
import { TaskRegistry } from '../task-registry.js';
import { ConcurrencyLimits } from './concurrency-limits.js';
import { limitKey } from './limit-key.js';
import { RateLimits } from './rate-limits.js';

/** A claim that somebody else changed a moment ago. Milliseconds. */
const lookAgainMs = 1_000;

/** A claim whose limits and gate were looked at. */
type Decided =
  | Exclude<Claim, { kind: 'limited' | 'unknown' }>
  /** It could be claimed, but for a gate that is shut. */
  | { kind: 'held'; gate: TaskGate };

/** A task of another release waits for a worker that knows it, and is offered again to all. Milliseconds. */
const unknownMs = 5_000;

/**
 * Claims tasks within their rate and concurrency limits. A task without limits is claimed by one
 * statement as ever; one with limits in a transaction that holds the locks of its keys, so the limits
 * are exact however many workers there are.
 */
@Injectable()
export class LimitedClaims {
  private readonly log = new Logger('Limits');
  private readonly unknown = new Set<string>();

  constructor(
    private readonly database: DataSource,
    private readonly ledger: TaskLedger,
    private readonly registry: TaskRegistry,
    private readonly limits: TaskLimits,
    private readonly rates: RateLimits,
    private readonly concurrency: ConcurrencyLimits,
    private readonly hints: TaskHints,
    private readonly gates: TaskGates,
  ) {}

  /** @param alone nothing else runs in the process of its handler */
  async claim(id: string, worker: string, alone: boolean): Promise<Decided> {
    const known = this.registry.definitions.map((task) => task.name);
    const limited = [...this.limitedNames(), ...this.gates.shut()];
    const claim = await this.ledger.claim(id, worker, { known, limited, alone });
    if (claim.kind === 'unknown') return this.leave(claim.name);
    if (claim.kind !== 'limited') return claim;
    const gate = this.gates.find(claim.task.name);
    return gate?.isShut ? { kind: 'held', gate } : this.claimLimited(claim.task, worker, alone);
  }

  /** Calls the next task that waits for the place which this one has left. Never throws. */
  released({ name, concurrencyKey }: ClaimedTask): void {
    if (concurrencyKey === null) return;
    this.callNext(name, concurrencyKey).catch((error: unknown) => {
      this.log.debug(`The next one looks for itself: ${messageOf(error)}`);
    });
  }

  /** Says so once for each name: there may be many of them. */
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
      // The connection broke: the claim may be made and counted, and only its answer lost.
      const made = tries++ > 0 ? await this.ledger.unheardClaim(tx, task.id) : undefined;
      if (made) return { kind: 'claimed', task: made };
      const concurrencyKey = keyOf(definition, definition.concurrencyLimit, task);
      const inMs = await this.waitMs(tx, definition, task, concurrencyKey);
      if (inMs > 0) return { kind: 'later', inMs };
      const claimed = await this.ledger.claimWithin(tx, task.id, worker, concurrencyKey, alone);
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

  private async callNext(name: string, key: string): Promise<void> {
    const limit = this.registry.find(name)?.definition.concurrencyLimit?.limit;
    if (limit === undefined) return;
    for (const next of await this.concurrency.next(name, key, limit)) {
      await this.hints.promote(next.queue, next.id);
    }
  }
}

/**
 * What a limit counts a task by; null: it has no such limit. A `map` task counts as its first payload.
 * A payload that does not fit counts as none: its attempt will say so. So does one that `key` cannot
 * take or makes too long a key of: refused here, it would wait for ever.
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
