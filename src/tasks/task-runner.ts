import { Injectable } from '@nestjs/common';
import type { RunOutcome } from './run-outcome.js';
import { TaskEndings } from './task-endings.js';
import { endOfAttempt } from './events/end-of-attempt.js';
import { LiveEvents } from './events/live-events.js';
import { taskOf } from './events/task-of.js';
import { WorkerStopping } from './task-errors.js';
import { TaskGates, type TaskGate } from './task-gates.js';
import { LimitedClaims } from './limits/limited-claims.js';
import type { ClaimedTask } from './ledger-rows.js';
import { LeaseKeeper } from './workers/lease-keeper.js';
import { Returns } from './workers/returns.js';
import { TaskPool } from './workers/task-pool.js';
import { Turns, type Leave } from './workers/turns.js';
import { WorkerProcess } from './workers/worker-process.js';

/** Somebody else changed the task a moment ago. Milliseconds. */
const lookAgainMs = 1_000;
/** The most that this process waits for its other tasks, to run one alone. Milliseconds. */
const aloneWithinMs = 120_000;
/** Before it is tried again, here or elsewhere. Milliseconds. */
const aloneAgainMs = 5_000;

/** Between two looks at a task whose gate is shut: it may have expired. Milliseconds. */
const heldMs = 10_000;

/** Its gate is shut. */
type Held = { kind: 'held'; gate: TaskGate };

/** A task that this process has claimed and not ended. */
export interface RunningTask {
  task: ClaimedTask;
  abort: AbortController;
  startedAt: Date;
}

/** The one way to run: claim, handler (wherever the pool runs it), one transaction that ends the attempt. */
@Injectable()
export class TaskRunner {
  private readonly running = new Map<string, RunningTask>();
  private readonly turns = new Turns();

  constructor(
    private readonly claims: LimitedClaims,
    private readonly pool: TaskPool,
    private readonly leases: LeaseKeeper,
    private readonly endings: TaskEndings,
    private readonly live: LiveEvents,
    private readonly gates: TaskGates,
    private readonly returns: Returns,
    private readonly process: WorkerProcess,
  ) {}

  /** Tasks running in this process, oldest first. */
  get active(): RunningTask[] {
    return [...this.running.values()];
  }

  /** Asks every running handler to stop; their tasks go back unharmed. */
  abortAll(): void {
    for (const { abort } of this.active) abort.abort(new WorkerStopping('the worker is stopping'));
  }

  /** Asks the handler of one task to stop, if it runs here. */
  stop(taskId: string, reason: Error): void {
    this.running.get(taskId)?.abort.abort(reason);
  }

  /**
   * @param leave ends the wait at a gate that is shut
   * @throws only when the ledger cannot be reached
   */
  async run(taskId: string, worker: string, leave: AbortSignal): Promise<RunOutcome> {
    for (;;) {
      const outcome = await this.look(taskId, worker);
      if (outcome.kind !== 'held') return outcome;
      await outcome.gate.wait(heldMs, leave);
      if (leave.aborted) return { kind: 'later', inMs: 0 };
    }
  }

  private async look(taskId: string, worker: string): Promise<RunOutcome | Held> {
    const outcome = await this.inTurn(await this.turns.enter(), taskId, worker, this.pool.apart);
    if (outcome !== 'suspect') return outcome;
    const turn = await this.turns.enterAlone(aloneWithinMs);
    if (!turn) return { kind: 'later', inMs: aloneAgainMs };
    const again = await this.inTurn(turn, taskId, worker, true);
    return again === 'suspect' ? { kind: 'later', inMs: lookAgainMs } : again;
  }

  private async inTurn(
    endTurn: Leave,
    taskId: string,
    worker: string,
    alone: boolean,
  ): Promise<RunOutcome | Held | 'suspect'> {
    try {
      // It may have waited for its turn.
      if (this.process.stopping) return { kind: 'later', inMs: 0 };
      return await this.claimAndRun(taskId, worker, alone);
    } finally {
      endTurn();
    }
  }

  private async claimAndRun(
    taskId: string,
    worker: string,
    alone: boolean,
  ): Promise<RunOutcome | Held | 'suspect'> {
    const claim = await this.claims.claim(taskId, worker, alone);
    if (claim.kind === 'suspect') return claim.kind;
    if (claim.kind === 'held') return claim;
    if (claim.kind === 'later') return claim;
    if (claim.kind === 'over') return { kind: 'over', state: null };
    if (claim.kind === 'claimed') return this.attempt(claim.task);
    const state = await this.endings.settle(taskId, claim.because);
    // Somebody was quicker; the next look at the hint finds out what they did.
    return state ? { kind: 'over', state } : { kind: 'later', inMs: lookAgainMs };
  }

  private async attempt(task: ClaimedTask): Promise<RunOutcome> {
    const abort = new AbortController();
    const letGo = this.leases.keep(task, abort);
    const running = { task, abort, startedAt: new Date() };
    this.running.set(task.id, running);
    this.live.emit({ type: 'task-started', ...taskOf(task) });
    const began = performance.now();
    try {
      const outcome = await this.pool.run(task, abort);
      const end = endOfAttempt(task, outcome, performance.now() - began);
      if (end) this.live.emit(end);
      if (outcome.kind === 'later' && outcome.snoozed) this.gates.find(task.name)?.snoozed();
      return outcome;
    } catch (error) {
      this.returns.add(task);
      throw error;
    } finally {
      if (this.running.get(task.id) === running) this.running.delete(task.id);
      letGo();
      this.claims.released(task);
    }
  }
}
