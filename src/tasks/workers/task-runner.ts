import { Injectable, Logger } from '@nestjs/common';
import { logName } from '../definitions/log-name.js';
import { WorkerStopping } from '../definitions/task-errors.js';
import { TaskEndings } from '../ending/task-endings.js';
import { endOfAttempt } from '../events/end-of-attempt.js';
import { LiveEvents } from '../events/live-events.js';
import { taskOf } from '../events/task-of.js';
import type { ClaimedTask } from '../ledger/ledger-rows.js';
import type { RunOutcome } from '../ledger/run-outcome.js';
import { WorkerProcess } from '../process/worker-process.js';
import { AttemptAbort } from '../running/attempt-abort.js';
import { LeaseKeeper } from './lease-keeper.js';
import { LimitedClaims } from './limited-claims.js';
import { Returns } from './returns.js';
import type { TaskGate } from './task-gates.js';
import { TaskPool } from '../pools/task-pool.js';
import { Turns, type Leave } from './turns.js';

/** Pause before a task is looked at again that somebody else has just changed. Milliseconds. */
const lookAgainMs = 1_000;
/** Longest wait for the other tasks of this process before one that must run alone. Milliseconds. */
const aloneWithinMs = 120_000;
/** Pause before such a task is tried again, here or in another worker. Milliseconds. */
const aloneAgainMs = 5_000;

/** Pause between two looks at a task whose gate is shut, which may have expired meanwhile. Milliseconds. */
const heldMs = 10_000;

/** The gate of the task's definition is shut. */
type Held = { kind: 'held'; gate: TaskGate };

/** A task that this process has claimed and that has not ended yet. */
export interface RunningTask {
  task: ClaimedTask;
  abort: AttemptAbort;
  startedAt: Date;
}

/**
 * Runs the task of a hint: claims it, has the pool run its handler, and reports the outcome. There is no other
 * way to run a task.
 */
@Injectable()
export class TaskRunner {
  private readonly log = new Logger('Tasks');
  private readonly running = new Map<string, RunningTask>();
  private readonly turns = new Turns();

  constructor(
    private readonly claims: LimitedClaims,
    private readonly pool: TaskPool,
    private readonly leases: LeaseKeeper,
    private readonly endings: TaskEndings,
    private readonly live: LiveEvents,
    private readonly returns: Returns,
    private readonly process: WorkerProcess,
  ) {}

  /** The running tasks of this process, oldest first. */
  get active(): RunningTask[] {
    return [...this.running.values()];
  }

  /** Aborts all running handlers. Their tasks go back to the queue. */
  abortAll(): void {
    for (const { abort } of this.active) abort.abort(new WorkerStopping('the worker is stopping'));
  }

  /** Aborts the handler of a task, if it runs here. */
  stop(taskId: string, reason: Error): void {
    this.running.get(taskId)?.abort.abort(reason);
  }

  /**
   * Claims and runs a task.
   *
   * @param leave ends the wait at a shut gate
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
      // The worker may have begun to stop while the task waited for its turn.
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
    if (claim.kind === 'claimed') {
      try {
        return await this.claims.hintAfter(taskId, claim.task, await this.attempt(claim.task));
      } finally {
        await this.pool.cleared(claim.task);
      }
    }
    const state = await this.endings.settle(taskId, claim.because);
    // Somebody else has changed the task. The next look at the hint will show how.
    return state ? { kind: 'over', state } : { kind: 'later', inMs: lookAgainMs };
  }

  private async attempt(task: ClaimedTask): Promise<RunOutcome> {
    const abort = new AttemptAbort();
    const letGo = this.leases.keep(task, abort);
    const running = { task, abort, startedAt: new Date() };
    this.running.set(task.id, running);
    const { waitedMs, correlationId } = task;
    this.live.emit({ type: 'task-started', ...taskOf(task), waitedMs, correlationId });
    const again = task.attempt > 1 ? `, attempt ${task.attempt}:` : '';
    this.log.log(`${logName(task)}${again} received`);
    const began = performance.now();
    let outcome: RunOutcome | undefined;
    try {
      outcome = await this.pool.run(task, abort);
      const tookMs = performance.now() - began;
      this.logEnd(task, outcome, tookMs);
      const end = endOfAttempt(task, outcome, tookMs);
      if (end) this.live.emit(end);
      return outcome;
    } catch (error) {
      this.returns.add(task);
      throw error;
    } finally {
      if (this.running.get(task.id) === running) this.running.delete(task.id);
      letGo();
      this.claims.released(task, outcome);
    }
  }

  /** Logs the end of an attempt. Failures and retries are logged where they are decided. */
  private logEnd(task: ClaimedTask, outcome: RunOutcome, tookMs: number): void {
    if (outcome.kind !== 'over') return;
    if (outcome.state === 'SUCCESS') {
      this.log.log(`${logName(task)} succeeded in ${(tookMs / 1_000).toFixed(3)} s`);
    } else if (outcome.state === 'REVOKED') {
      this.log.log(`${logName(task)} revoked`);
    }
  }
}
