import { Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import type { Settings } from '../../config/config.module.js';
import type { RunOutcome } from '../run-outcome.js';
import type { TaskAttempts } from '../task-attempts.js';
import type { TaskLimits } from '../control/task-limits.js';
import { HardTimeLimitExceeded } from '../task-errors.js';
import type { ClaimedTask } from '../ledger-rows.js';
import type { TaskLedger } from '../task-ledger.js';
import type { TaskRegistry } from '../task-registry.js';
import { answerMs, terminationOf } from './abort-reasons.js';
import { ChildStartError, PoolChild } from './pool-child.js';
import { PoolChildren } from './pool-children.js';
import { TaskPool, type PoolStart, type PoolStats } from './task-pool.js';
import { longestTimerMs, type TimeLimits } from './task-run.js';
import { wornOut, type ChildLimits } from './worn-out.js';

/** Before a task is looked at again whose child died or could not start. Milliseconds. */
const againMs = 1_000;

/**
 * Each task runs in a child process, one at a time. The child runs the handler and writes how the
 * attempt ended; this side keeps the lease and the time, and kills.
 *
 * Failure window: a child that dies, or is killed, between its commit and its answer. Remedy: what is
 * written here afterwards carries the same fence, and finds the attempt over.
 */
export class ProcessPool extends TaskPool implements BeforeApplicationShutdown {
  readonly apart = true;
  private readonly log = new Logger('Pool');
  private readonly children: PoolChildren;
  private worker = '';
  private size = 0;

  constructor(
    settings: Settings,
    private readonly limits: ChildLimits,
    private readonly attempts: TaskAttempts,
    private readonly ledger: TaskLedger,
    private readonly registry: TaskRegistry,
    private readonly timeLimits: TaskLimits,
  ) {
    super();
    this.children = new PoolChildren(() => new PoolChild({ settings, worker: this.worker }));
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

  close(): Promise<void> {
    return this.children.close();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.close();
  }

  async run(task: ClaimedTask, abort: AbortController): Promise<RunOutcome> {
    let child: PoolChild;
    try {
      child = await this.children.take(abort.signal);
    } catch (error) {
      if (!(error instanceof ChildStartError)) return this.attempts.stopped(task, error as Error);
      await this.ledger.release(task, againMs);
      return { kind: 'later', inMs: againMs };
    }
    return this.supervise(child, task, abort.signal);
  }

  private async supervise(
    child: PoolChild,
    task: ClaimedTask,
    signal: AbortSignal,
  ): Promise<RunOutcome> {
    const stop = new Deadlines(child);
    const limits = this.limitsOf(task);
    const { hardTimeLimitMs = Infinity } = limits;
    if (hardTimeLimitMs < Infinity) {
      const reason = new HardTimeLimitExceeded(hardTimeLimitMs);
      stop.killAfter(hardTimeLimitMs + answerMs, 'SIGKILL', reason);
    }
    const aborted = () => {
      const reason = signal.reason as Error;
      const { afterMs, signal: first } = terminationOf(reason);
      child.abort(task, reason);
      stop.killAfter(afterMs, first, reason);
    };
    const startedAt = performance.now();
    const answering = child.run({ ...task, overrides: { ...task.overrides, ...limits } });
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
    this.free(child, signal.aborted || overdue);
    if (answer.kind === 'error') throw new Error(answer.message);
    return answer.outcome;
  }

  /** As they are now; the child does not hear of changes. None for a task that nobody knows. */
  private limitsOf({ name, overrides }: ClaimedTask): Partial<TimeLimits> {
    const registered = this.registry.find(name);
    return registered ? this.timeLimits.timeLimits(registered.definition, overrides) : {};
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
    await this.ledger.crashed(task);
    return { kind: 'later', inMs: againMs };
  }
}

/** Moments at which a child is killed, unless it has answered; the first one to come is the reason. */
class Deadlines {
  private readonly timers: NodeJS.Timeout[] = [];
  killedFor: Error | undefined;

  constructor(private readonly child: PoolChild) {}

  killAfter(ms: number, signal: NodeJS.Signals, reason: Error): void {
    const kill = () => {
      this.killedFor ??= reason;
      this.child.kill(signal);
    };
    if (ms <= longestTimerMs) this.timers.push(setTimeout(kill, ms));
  }

  clear(): void {
    this.timers.forEach(clearTimeout);
  }
}
