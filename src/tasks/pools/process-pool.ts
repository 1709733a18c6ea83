import { Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { waitAtMost } from '../../common/deadline.js';
import type { Settings } from '../../config/config.module.js';
import type { TaskRegistry } from '../definitions/task-registry.js';
import type { ClaimedTask } from '../ledger/ledger-rows.js';
import type { RunOutcome } from '../ledger/run-outcome.js';
import { TaskLeases } from '../ledger/task-leases.js';
import { TaskTransitions } from '../ledger/task-transitions.js';
import type { TaskLimits } from '../limits/task-limits.js';
import type { TimeLimits } from '../limits/task-limits.js';
import type { AttemptAbort } from '../running/attempt-abort.js';
import type { TaskAttempts } from '../running/task-attempts.js';
import { TaskPool, type HearNews, type PoolStart, type PoolStats } from './task-pool.js';
import type { LimitChange } from '../running/time-limits.js';
import { terminationOf } from './abort-reasons.js';
import { ChildDeadlines } from './child-deadlines.js';
import { ChildStartError, PoolChild } from './pool-child.js';
import { PoolChildren } from './pool-children.js';
import { wornOut, type ChildLimits } from './worn-out.js';

/** Pause before a task is tried again whose child has died or could not start. Milliseconds. */
const againMs = 1_000;
/** How long a place stays taken by work that a task has left behind; above the deadline of a picture. Milliseconds. */
const clearMs = 600_000;

/**
 * Runs each task in a child process; a child runs one task at a time. The child runs the handler and writes how
 * the attempt ended. The parent renews the lease, watches the time limits, and kills the child if necessary.
 *
 * Failure window: a child dies between its commit and its answer. Remedy: what the parent writes afterwards
 * has the same fence, so it changes nothing.
 */
export class ProcessPool extends TaskPool implements BeforeApplicationShutdown {
  readonly apart = true;
  private readonly log = new Logger('Pool');
  private readonly children: PoolChildren;
  /** Tasks that have left work behind. */
  private readonly clearing = new WeakMap<ClaimedTask, Promise<void>>();
  private worker = '';
  private hearNews: HearNews = () => {};
  private size = 0;

  constructor(
    settings: Settings,
    private readonly limits: ChildLimits,
    private readonly attempts: TaskAttempts,
    private readonly transitions: TaskTransitions,
    private readonly leases: TaskLeases,
    private readonly registry: TaskRegistry,
    private readonly timeLimits: TaskLimits,
  ) {
    super();
    this.children = new PoolChildren(
      () => new PoolChild({ settings, worker: this.worker }, (...news) => this.hearNews(...news)),
    );
  }

  start({ name, size }: PoolStart): void {
    this.worker = name;
    this.resize(size);
    this.log.log(`Tasks run in up to ${size} child processes`);
  }

  resize(size: number): void {
    this.size = size;
    this.children.resize(size);
  }

  stats(): PoolStats {
    return {
      kind: 'processes',
      size: this.size,
      children: this.children.live.map((child) => child.stats()),
      restarts: this.children.ended,
    };
  }

  onNews(listener: HearNews): void {
    this.hearNews = listener;
  }

  async cleared(task: ClaimedTask): Promise<void> {
    await this.clearing.get(task);
  }

  close(): Promise<void> {
    return this.children.close();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.close();
  }

  async run(task: ClaimedTask, abort: AttemptAbort): Promise<RunOutcome> {
    let child: PoolChild;
    try {
      child = await this.children.take(abort.stopped);
    } catch (error) {
      if (!(error instanceof ChildStartError)) return this.attempts.stopped(task, error as Error);
      await this.transitions.release(task, againMs);
      return { kind: 'later', inMs: againMs };
    }
    return this.supervise(child, task, abort.stopped);
  }

  private async supervise(
    child: PoolChild,
    task: ClaimedTask,
    signal: AbortSignal,
  ): Promise<RunOutcome> {
    const stop = new ChildDeadlines(child);
    const limits = this.limitsOf(task);
    const { hardTimeLimitMs = Infinity } = limits;
    const aborted = () => {
      const reason = signal.reason as Error;
      const { afterMs, signal: first } = terminationOf(reason);
      child.abort(task, reason);
      stop.killAfter(afterMs, first, reason);
    };
    let startedAt = Infinity;
    const changed = (change: LimitChange) => {
      startedAt = change === 'paused' ? Infinity : performance.now();
      stop.hardLimit(change === 'paused' ? Infinity : hardTimeLimitMs);
    };
    changed('restarted');
    const asked = { ...task, overrides: { ...task.overrides, ...limits } };
    const answering = child.run(asked, changed);
    signal.addEventListener('abort', aborted);
    if (signal.aborted) aborted();
    const answer = await answering;
    stop.clear();
    signal.removeEventListener('abort', aborted);
    if (answer.kind === 'ended') {
      if (stop.killedFor) return this.killed(task, child, stop.killedFor);
      return this.crashed(task, child, answer.how);
    }
    const overdue = performance.now() - startedAt >= hardTimeLimitMs;
    const toldToStop = signal.aborted || overdue;
    if (answer.leftBehind) this.clearing.set(task, this.freeWhenCleared(child, toldToStop));
    else this.free(child, toldToStop);
    if (answer.kind === 'error') throw new Error(answer.message);
    return answer.outcome;
  }

  /** The time limits that apply now; the child is not told of later changes. Empty for an unknown task. */
  private limitsOf({ name, overrides }: ClaimedTask): Partial<TimeLimits> {
    const registered = this.registry.find(name);
    return registered ? this.timeLimits.timeLimits(registered.definition, overrides) : {};
  }

  /** The child stays, without a task: it is the only one to know when its work elsewhere is over. */
  private async freeWhenCleared(child: PoolChild, toldToStop: boolean): Promise<void> {
    await waitAtMost(clearMs, child.cleared);
    this.free(child, toldToStop);
  }

  private free(child: PoolChild, toldToStop: boolean): void {
    const why = toldToStop
      ? 'its handler was told to stop, and may not have'
      : wornOut(child.stats(), this.limits);
    if (why === undefined) this.children.putBack(child);
    else this.children.replace(child, why);
  }

  private async killed(task: ClaimedTask, child: PoolChild, reason: Error): Promise<RunOutcome> {
    this.log.warn(
      `Child ${child.pid} did not answer and was killed; it was running task ${task.id} (${task.name}), attempt ${task.attempt}: ${reason.message}`,
    );
    return this.attempts.stopped(task, reason);
  }

  private async crashed(task: ClaimedTask, child: PoolChild, how: string): Promise<RunOutcome> {
    this.log.error(
      `Child ${child.pid} died (${how}) while running task ${task.id} (${task.name}), attempt ${task.attempt}: counted as a crash of the task`,
    );
    await this.leases.crashed(task);
    return { kind: 'later', inMs: againMs };
  }
}
