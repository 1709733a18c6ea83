import { Injectable, Logger } from '@nestjs/common';
import { z } from 'zod';
import { UnavailableError } from '../../common/app-error.js';
import { pause } from '../../common/deadline.js';
import { isError } from '../../common/is-error.js';
import type { Json } from '../../common/json.js';
import { messageOf } from '../../common/message-of.js';
import { isOverTime, isTransient } from '../../infrastructure/database/transaction.js';
import { logName } from '../definitions/log-name.js';
import { whyUnstorable } from '../definitions/storable-json.js';
import { Completion, type PausableLimits, type TaskContext } from '../definitions/task-context.js';
import { retryDelayMs, type RetryPolicy } from '../definitions/retry-policy.js';
import {
  HardTimeLimitExceeded,
  LeaseLost,
  PermanentTaskError,
  RetryLater,
  Snooze,
  WorkerStopping,
  failureOf,
  revokedFailure,
  type TaskFailure,
} from '../definitions/task-errors.js';
import { TaskRegistry, type RegisteredTask } from '../definitions/task-registry.js';
import { TaskEndings } from '../ending/task-endings.js';
import { LiveEvents } from '../events/live-events.js';
import { taskOf } from '../events/task-of.js';
import type { ClaimedTask } from '../ledger/ledger-rows.js';
import type { RunOutcome } from '../ledger/run-outcome.js';
import { TaskLeases } from '../ledger/task-leases.js';
import { TaskTransitions } from '../ledger/task-transitions.js';
import { TaskLimits } from '../limits/task-limits.js';
import { AttemptAbort, type StopReason } from './attempt-abort.js';
import { handleEach } from './handle-each.js';
import { ProgressWriter } from './progress-writer.js';
import { withinLimits, type LimitChange } from './time-limits.js';

/** Pause after a stale fence; the next look shows whether the task is over. Milliseconds. */
const lookAgainMs = 1_000;
/** How long writing the end of an attempt is tried while the database is away. Milliseconds. */
const endPatienceMs = 60_000;
/** Pause between these tries. Milliseconds. */
const endAgainMs = 250;

/** What a caller may want to hear of a running attempt. */
export interface AttemptWatch {
  /** The handler has paused or restarted its time limits. */
  limits?: (change: LimitChange) => void;
  /** The handler leaves work behind, which is over when `gone` resolves. */
  leavesBehind?: (gone: Promise<void>) => void;
}

/** Runs the handler of a claimed task and writes how the attempt ended. */
@Injectable()
export class TaskAttempts {
  private readonly log = new Logger('Tasks');

  constructor(
    private readonly transitions: TaskTransitions,
    private readonly leases: TaskLeases,
    private readonly endings: TaskEndings,
    private readonly registry: TaskRegistry,
    private readonly limits: TaskLimits,
    private readonly live: LiveEvents,
  ) {}

  /**
   * Runs the handler in this process and writes how the attempt ended. The caller renews the lease.
   *
   * @param abort stops the handler; its reason says why it stops
   * @throws only when the ledger cannot be reached
   */
  async run(task: ClaimedTask, abort: AttemptAbort, watch: AttemptWatch = {}): Promise<RunOutcome> {
    const registered = this.registry.find(task.name)!;
    const progress = new ProgressWriter((p) => {
      const ownerId = registered.definition.chore ? null : task.ownerId;
      this.live.emit({ type: 'task-progress', ...taskOf(task), ownerId, progress: p });
      return this.transitions.progress(task, p);
    });
    let answered = false;
    try {
      const payload = parsePayload(registered, task);
      const answer = await withinLimits(
        this.limits.timeLimits(registered.definition, task.overrides),
        abort,
        (limits) => {
          const context = this.contextOf(task, abort, progress, limits, watch);
          return task.kind === 'map'
            ? handleEach(registered, payload as unknown[], context)
            : registered.handler(payload, context);
        },
        watch.limits,
      );
      answered = true;
      progress.stop();
      return await this.written(() => this.succeed(task, registered, answer), abort.stopped);
    } catch (error) {
      progress.stop();
      // The handler has not failed, so this is no retry: the task is given back or its lease expires. A write that was
      // too slow at every try is the handler's failure: given back, the task would run for ever.
      if (answered && isOutage(error) && !isTooSlow(error)) throw error;
      return await this.failed(task, registered, error, abort);
    }
  }

  /**
   * Writes the end of an attempt whose handler cannot do so: its child process was killed, or the handler never
   * started.
   *
   * @param reason the reason of the handler's signal, or the hard time limit
   */
  async stopped(task: ClaimedTask, reason: Error): Promise<RunOutcome> {
    const registered = this.registry.find(task.name)!;
    const abort = new AttemptAbort();
    abort.abort(reason);
    return this.failed(task, registered, reason, abort);
  }

  private contextOf(
    task: ClaimedTask,
    abort: AttemptAbort,
    progress: ProgressWriter,
    timeLimits: PausableLimits,
    { leavesBehind = () => {} }: AttemptWatch,
  ): TaskContext {
    return {
      taskId: task.id,
      attempt: task.attempt,
      ownerId: task.ownerId,
      correlationId: task.correlationId,
      signal: abort.signal,
      timeLimits,
      progress: (p) => progress.put(p),
      leavesBehind,
      hold: async (tx) => {
        if (!(await this.transitions.hold(tx, task))) throw new LeaseLost();
      },
    };
  }

  /** Keeps trying to write the end of an attempt, so that a database restart does not cost the handler's work. */
  private async written(
    write: () => Promise<RunOutcome>,
    stopping: AbortSignal,
  ): Promise<RunOutcome> {
    const end = performance.now() + endPatienceMs;
    for (;;) {
      try {
        return await write();
      } catch (error) {
        const givenUp = stopping.reason instanceof WorkerStopping || performance.now() > end;
        if (!isOutage(error) || givenUp) throw error;
        await pause(endAgainMs);
      }
    }
  }

  private async succeed(
    task: ClaimedTask,
    registered: RegisteredTask,
    answer: unknown,
  ): Promise<RunOutcome> {
    const { resultExpiresMs } = registered.definition;
    const state =
      answer instanceof Completion
        ? await this.endings.succeedWith(
            task,
            async (tx) => parseResult(registered, task, await answer.write(tx)),
            resultExpiresMs,
          )
        : await this.endings.succeed(task, parseResult(registered, task, answer), resultExpiresMs);
    return state ? { kind: 'over', state } : this.lost(task);
  }

  private async failed(
    task: ClaimedTask,
    registered: RegisteredTask,
    error: unknown,
    { signal, stopped }: AttemptAbort,
  ): Promise<RunOutcome> {
    if (stopped.aborted) return this.handBack(task, stopped.reason as StopReason);
    // After its signal was aborted, a handler may throw anything. The signal's reason is what counts.
    const cause: unknown =
      signal.aborted && !(error instanceof HardTimeLimitExceeded) ? signal.reason : error;
    const failure = failureOf(cause);
    if (cause instanceof Snooze) return this.snooze(task, failure, cause);
    const retry = retryPolicyOf(task, registered);
    const inMs =
      cause instanceof RetryLater ? cause.delayMs : retryDelayMs(retry, task.retries + 1);
    const over = !failure.retryable || task.retries >= retry.max;
    this.logFailure(task, failure, cause, over ? 'for good' : `again in ${inMs / 1_000} s`);
    if (over) {
      const state = await this.endings.fail(task, { ...failure, retryable: false });
      return state ? { kind: 'over', state, code: failure.code } : this.lost(task);
    }
    const changed = await this.transitions.retry(task, failure, inMs);
    return changed ? { kind: 'later', inMs, code: failure.code } : this.lost(task);
  }

  private async snooze(
    task: ClaimedTask,
    failure: TaskFailure,
    snooze: Snooze,
  ): Promise<RunOutcome> {
    const { delayMs, patienceMs } = snooze;
    const reason = withCause(failure, snooze);
    const became = await this.transitions.snooze(task, failure, delayMs, patienceMs);
    if (became === 'lost') return this.lost(task);
    if (became === 'woken') return { kind: 'later', inMs: 0, snoozed: true };
    if (became === 'snoozed') {
      this.log.debug(`${logName(task)} waits: ${reason}`);
      return { kind: 'later', inMs: delayMs, snoozed: true };
    }
    this.log.warn(`${logName(task)} has waited for too long: ${reason}`);
    const state = await this.endings.fail(task, { ...failure, retryable: false });
    return state ? { kind: 'over', state, code: failure.code } : this.lost(task);
  }

  private async handBack(task: ClaimedTask, reason: StopReason): Promise<RunOutcome> {
    if (!(await this.transitions.release(task))) return this.lost(task);
    this.log.log(`${logName(task)} goes back to the queue: ${reason.message}`);
    return { kind: 'later', inMs: 0 };
  }

  /** Handles a stale fence: the task was revoked, or another worker has it. */
  private async lost(task: ClaimedTask): Promise<RunOutcome> {
    const state = await this.endings.confirmRevoked(task);
    if (state) return { kind: 'over', state, code: revokedFailure.code };
    await this.leases.survived(task);
    const successor = await this.leases.successor(task);
    this.log.warn(
      `${logName(task)}, attempt ${task.attempt}: result dropped: ${successor ? `another worker has it (${successor})` : 'it was given back or has ended'}`,
    );
    return { kind: 'later', inMs: lookAgainMs };
  }

  private logFailure(task: ClaimedTask, failure: TaskFailure, cause: unknown, then: string): void {
    const line = (why: string) =>
      `${logName(task)}, attempt ${task.attempt}: ${failure.code}: ${why} (${then})`;
    if (failure.code === 'handler_error') {
      this.log.error(line(messageOf(cause)), isError(cause) ? cause.stack : undefined);
    } else {
      this.log.warn(line(withCause(failure, cause)));
    }
  }
}

/** The message with its cause, for the log. Users see the message only. */
function withCause({ message }: TaskFailure, error: unknown): string {
  const cause = isError(error) ? error.cause : undefined;
  return cause === undefined ? message : `${message} (${messageOf(cause)})`;
}

function isOutage(error: unknown): boolean {
  return error instanceof UnavailableError && isTransient(error.cause);
}

function isTooSlow(error: unknown): boolean {
  return error instanceof UnavailableError && isOverTime(error.cause);
}

function retryPolicyOf(task: ClaimedTask, { definition }: RegisteredTask): RetryPolicy {
  return { ...definition.retry, ...task.overrides?.retry };
}

function parsePayload({ definition }: RegisteredTask, task: ClaimedTask): unknown {
  const schema = task.kind === 'map' ? z.array(definition.payload) : definition.payload;
  const parsed = schema.safeParse(task.payload);
  if (parsed.success) return parsed.data;
  throw new PermanentTaskError(
    'invalid_payload',
    `The stored payload does not fit the task: ${z.prettifyError(parsed.error)}`,
  );
}

function parseResult({ definition }: RegisteredTask, task: ClaimedTask, result: unknown): Json {
  const schema = task.kind === 'map' ? z.array(definition.result) : definition.result;
  const why = whyUnstorable(result);
  if (why !== undefined) {
    throw new PermanentTaskError('invalid_result', `The handler's result ${why}.`);
  }
  const parsed = schema.safeParse(result ?? null);
  if (parsed.success) return parsed.data as Json;
  throw new PermanentTaskError(
    'invalid_result',
    `The handler's result does not fit the task: ${z.prettifyError(parsed.error)}`,
  );
}
