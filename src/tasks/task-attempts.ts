import { Injectable, Logger } from '@nestjs/common';
import { z } from 'zod';
import { UnavailableError } from '../common/app-error.js';
import { pause } from '../common/deadline.js';
import type { Json } from '../common/json.js';
import { messageOf } from '../common/message-of.js';
import { isTransient } from '../infrastructure/database/transaction.js';
import { TaskLimits } from './control/task-limits.js';
import { LiveEvents } from './events/live-events.js';
import { taskOf } from './events/task-of.js';
import { Completion, type TaskContext } from './task-context.js';
import { retryDelayMs, type RetryPolicy } from './task-definition.js';
import { TaskEndings } from './task-endings.js';
import {
  HardTimeLimitExceeded,
  PermanentTaskError,
  RetryLater,
  Snooze,
  WorkerStopping,
  failureOf,
  revokedFailure,
  type LeaseLost,
  type TaskFailure,
  type TaskRevoked,
} from './task-errors.js';
import type { RunOutcome } from './run-outcome.js';
import type { ClaimedTask } from './ledger-rows.js';
import { TaskLedger } from './task-ledger.js';
import { whyUnstorable } from './storable-json.js';
import { TaskRegistry, type RegisteredTask } from './task-registry.js';
import { handleEach } from './workers/handle-each.js';
import { ProgressWriter } from './workers/progress-writer.js';
import { isStopped, withinLimits } from './workers/task-run.js';

/** A fence was stale: whether the task is over, or waits for another attempt, is seen at the next look. */
const lookAgainMs = 1_000;
/** How long the end of an attempt waits for a database that is away. Milliseconds. */
const endPatienceMs = 60_000;
const endAgainMs = 250;

/** One claimed task, from its handler to the transaction that ends the attempt. */
@Injectable()
export class TaskAttempts {
  private readonly log = new Logger('Tasks');

  constructor(
    private readonly ledger: TaskLedger,
    private readonly endings: TaskEndings,
    private readonly registry: TaskRegistry,
    private readonly limits: TaskLimits,
    private readonly live: LiveEvents,
  ) {}

  /**
   * Runs the handler in this process and writes how it ended. The caller keeps the lease.
   *
   * @param abort stops the handler; its reason says why
   * @throws only when the ledger cannot be reached
   */
  async run(task: ClaimedTask, abort: AbortController): Promise<RunOutcome> {
    const registered = this.registry.find(task.name)!;
    const progress = new ProgressWriter((p) => {
      this.live.emit({ type: 'task-progress', ...taskOf(task), progress: p });
      return this.ledger.progress(task, p);
    });
    let answered = false;
    try {
      const payload = parsePayload(registered, task);
      const context = contextOf(task, abort, progress);
      const answer = await withinLimits(
        this.limits.timeLimits(registered.definition, task.overrides),
        abort,
        () =>
          task.kind === 'map'
            ? handleEach(registered, payload as unknown[], context)
            : registered.handler(payload, context),
      );
      answered = true;
      progress.stop();
      return await this.written(() => this.succeed(task, registered, answer), abort.signal);
    } catch (error) {
      progress.stop();
      // The handler has not failed: the task is run again when its lease has ended, which is no retry.
      if (answered && isOutage(error)) throw error;
      return await this.failed(task, registered, error, abort.signal);
    }
  }

  /**
   * Writes how an attempt ended that somebody else stopped: its process was killed, or never began.
   *
   * @param reason what the handler's signal said, or the hard time limit
   */
  async stopped(task: ClaimedTask, reason: Error): Promise<RunOutcome> {
    const registered = this.registry.find(task.name)!;
    return this.failed(task, registered, reason, AbortSignal.abort(reason));
  }

  /** What a handler has made is not made again because the database restarts: its end is tried again. */
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
    signal: AbortSignal,
  ): Promise<RunOutcome> {
    if (isStopped(signal.reason)) return this.handBack(task, signal.reason);
    // A handler that let its signal end it may throw anything; the reason is the truth.
    const cause: unknown =
      signal.aborted && !(error instanceof HardTimeLimitExceeded) ? signal.reason : error;
    const failure = failureOf(cause);
    if (cause instanceof Snooze) return this.snooze(task, failure, cause);
    this.logFailure(task, failure, cause);
    const retry = retryPolicyOf(task, registered);
    if (!failure.retryable || task.retries >= retry.max) {
      const state = await this.endings.fail(task, { ...failure, retryable: false });
      return state ? { kind: 'over', state, code: failure.code } : this.lost(task);
    }
    const inMs =
      cause instanceof RetryLater ? cause.delayMs : retryDelayMs(retry, task.retries + 1);
    const changed = await this.ledger.retry(task, failure, inMs);
    return changed ? { kind: 'later', inMs, code: failure.code } : this.lost(task);
  }

  private async snooze(
    task: ClaimedTask,
    failure: TaskFailure,
    { delayMs, patienceMs }: Snooze,
  ): Promise<RunOutcome> {
    const became = await this.ledger.snooze(task, failure, delayMs, patienceMs);
    if (became === 'lost') return this.lost(task);
    if (became === 'snoozed') {
      this.log.debug(`Task ${task.id} (${task.name}) waits: ${failure.message}`);
      return { kind: 'later', inMs: delayMs, snoozed: true };
    }
    this.log.warn(`Task ${task.id} (${task.name}) has waited for too long: ${failure.message}`);
    const state = await this.endings.fail(task, { ...failure, retryable: false });
    return state ? { kind: 'over', state, code: failure.code } : this.lost(task);
  }

  private async handBack(
    task: ClaimedTask,
    reason: LeaseLost | WorkerStopping | TaskRevoked,
  ): Promise<RunOutcome> {
    if (!(await this.ledger.release(task))) return this.lost(task);
    this.log.log(`Task ${task.id} (${task.name}) goes back to the queue: ${reason.message}`);
    return { kind: 'later', inMs: 0 };
  }

  /** Nothing this attempt writes counts: the task was revoked, or another worker has it. */
  private async lost(task: ClaimedTask): Promise<RunOutcome> {
    const state = await this.endings.confirmRevoked(task);
    if (state) return { kind: 'over', state, code: revokedFailure.code };
    await this.ledger.survived(task);
    const successor = await this.ledger.successor(task);
    this.log.warn(
      `Task ${task.id}, attempt ${task.attempt}: result dropped: ${successor ? `another worker has it (${successor})` : 'it was given back or has ended'}`,
    );
    return { kind: 'later', inMs: lookAgainMs };
  }

  private logFailure(task: ClaimedTask, failure: TaskFailure, cause: unknown): void {
    const line = `Task ${task.id} (${task.name}), attempt ${task.attempt}: ${failure.code}: `;
    if (failure.code === 'handler_error') {
      this.log.error(line + messageOf(cause), cause instanceof Error ? cause.stack : undefined);
    } else {
      this.log.warn(line + failure.message);
    }
  }
}

function isOutage(error: unknown): boolean {
  return error instanceof UnavailableError && isTransient(error.cause);
}

function contextOf(
  task: ClaimedTask,
  abort: AbortController,
  progress: ProgressWriter,
): TaskContext {
  return {
    taskId: task.id,
    attempt: task.attempt,
    ownerId: task.ownerId,
    correlationId: task.correlationId,
    signal: abort.signal,
    progress: (p) => progress.put(p),
  };
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
