import { Injectable, Logger } from '@nestjs/common';
import { TaskRegistry } from '../definitions/task-registry.js';
import type { Claim, ClaimedTask } from '../ledger/ledger-rows.js';
import type { RunOutcome } from '../ledger/run-outcome.js';
import { TaskClaims } from '../ledger/task-claims.js';
import { ConcurrencyLimits } from '../limits/concurrency-limits.js';
import { FairShares } from '../limits/fair-shares.js';
import { ClaimsWithinLimits } from './claims-within-limits.js';
import { TaskGates, type TaskGate } from './task-gates.js';

/** The outcome of a claim, after limits and gate were checked. */
type Decided =
  | Exclude<Claim, { kind: 'limited' | 'unknown' }>
  /** Could be claimed, but the gate of its definition is shut. */
  | { kind: 'held'; gate: TaskGate };

/** How long a hint is delayed when this worker has no handler for its task; another release may. Milliseconds. */
const unknownMs = 5_000;

/**
 * Claims tasks within their limits, if the gates of their definitions are open. A task without limits is claimed by
 * one statement, the others by {@link ClaimsWithinLimits}.
 */
@Injectable()
export class LimitedClaims {
  private readonly log = new Logger('Limits');
  private readonly unknown = new Set<string>();

  constructor(
    private readonly claims: TaskClaims,
    private readonly registry: TaskRegistry,
    private readonly withinLimits: ClaimsWithinLimits,
    private readonly concurrency: ConcurrencyLimits,
    private readonly shares: FairShares,
    private readonly gates: TaskGates,
  ) {}

  /**
   * Claims a task, or says why it cannot. With a fair share, another task of its definition may be claimed instead:
   * the one that is first in the line.
   *
   * @param alone nothing else runs in the process of the handler
   */
  async claim(id: string, worker: string, alone: boolean): Promise<Decided> {
    const known = this.registry.definitions.map((task) => task.name);
    const limited = [...this.withinLimits.names(), ...this.gates.shut()];
    const claim = await this.claims.claim(id, worker, { known, limited, alone });
    if (claim.kind === 'unknown') return this.leave(claim.name);
    if (claim.kind !== 'limited') return claim;
    const gate = this.gates.find(claim.task.name);
    if (gate?.isShut) return { kind: 'held', gate };
    const decided = await this.withinLimits.claim(claim.task, worker, alone);
    if (decided.kind === 'claimed' && decided.task.id !== id) {
      this.shares.started(decided.task.queue, decided.task.id);
    }
    return decided;
  }

  /**
   * Call it when an attempt has ended. Wakes the next task that waits for its place under a limit, and tells the
   * task's gate of a snooze. Never throws.
   */
  released(task: ClaimedTask, outcome: RunOutcome | undefined): void {
    const { name, concurrencyKey } = task;
    this.shares.ended(task);
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

  /** What becomes of the hint of task `id` when its worker has run `task`. */
  async hintAfter(id: string, task: ClaimedTask, outcome: RunOutcome): Promise<RunOutcome> {
    if (task.id === id) return outcome;
    if (outcome.kind === 'later') await this.shares.again(task.id);
    // The hint's own task still waits, or is over by then.
    return { kind: 'later', inMs: 0 };
  }
}
