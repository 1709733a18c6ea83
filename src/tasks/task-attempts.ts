import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import type { Json } from '../common/json.js';
import { messageOf } from '../common/message-of.js';
import { inTransaction } from '../infrastructure/database/transaction.js';
import { Completion, type TaskContext } from './task-context.js';
import { retryDelayMs } from './task-definition.js';
import {
  HardTimeLimitExceeded,
  PermanentTaskError,
  RetryLater,
  WorkerStopping,
  failureOf,
  type TaskFailure,
} from './task-errors.js';
import { TaskEvents } from './task-events.js';
import { TaskLedger, type ClaimedTask } from './task-ledger.js';
import { TaskRegistry, type RegisteredTask } from './task-registry.js';
import type { FinalState } from './task-state.js';
import { ProgressWriter } from './workers/progress-writer.js';
import { isStopped, withinLimits } from './workers/task-run.js';

/** What becomes of the hint that led here. */
export type RunOutcome =
  | { kind: 'over'; state: FinalState | null; code?: string }
  /** Look again in so many milliseconds. */
  | { kind: 'later'; inMs: number };

/** A fence was stale: whether the task is over, or waits for another attempt, is seen at the next look. */
const lookAgainMs = 1_000;
/** A task of a newer release waits for a newer worker. */
const unknownTaskDelayMs = 30_000;

/** One claimed task, from its handler to the transaction that ends the attempt. */
@Injectable()
export class TaskAttempts {
  private readonly log = new Logger('Tasks');

  constructor(
    private readonly database: DataSource,
    private readonly ledger: TaskLedger,
    private readonly registry: TaskRegistry,
    private readonly events: TaskEvents,
  ) {}

  /**
   * Runs the handler in this process and writes how it ended. The caller keeps the lease.
   *
   * @param abort stops the handler; its reason says why
   * @throws only when the ledger cannot be reached
   */
  async run(task: ClaimedTask, abort: AbortController): Promise<RunOutcome> {
    const registered = this.registry.find(task.name);
    if (!registered) return this.postpone(task);
    const progress = new ProgressWriter((p) => this.ledger.progress(task, p));
    try {
      const payload = parsePayload(registered, task);
      const context = contextOf(task, abort, progress);
      const answer = await withinLimits(registered.definition, abort, () =>
        registered.handler(payload, context),
      );
      progress.stop();
      return await this.succeed(task, registered, answer);
    } catch (error) {
      progress.stop();
      return await this.failed(task, registered, error, abort.signal);
    }
  }

  /**
   * Writes how an attempt ended that somebody else stopped: its process was killed, or never began.
   *
   * @param reason what the handler's signal said, or the hard time limit
   */
  async stopped(task: ClaimedTask, reason: Error): Promise<RunOutcome> {
    const registered = this.registry.find(task.name);
    if (!registered) return this.postpone(task);
    return this.failed(task, registered, reason, AbortSignal.abort(reason));
  }

  private async succeed(
    task: ClaimedTask,
    registered: RegisteredTask,
    answer: unknown,
  ): Promise<RunOutcome> {
    const changed =
      answer instanceof Completion
        ? await inTransaction(this.database, async (tx) => {
            if (!(await this.ledger.hold(tx, task))) return false;
            const result = parseResult(registered, await answer.write(tx));
            return this.ledger.succeed(task, result, tx);
          })
        : await this.ledger.succeed(task, parseResult(registered, answer));
    return changed ? this.over(task.id, 'SUCCESS') : this.stale(task);
  }

  private async failed(
    task: ClaimedTask,
    { definition }: RegisteredTask,
    error: unknown,
    signal: AbortSignal,
  ): Promise<RunOutcome> {
    if (isStopped(signal.reason)) return this.handBack(task, signal.reason);
    // A handler that let its signal end it may throw anything; the reason is the truth.
    const cause: unknown =
      signal.aborted && !(error instanceof HardTimeLimitExceeded) ? signal.reason : error;
    const failure = failureOf(cause);
    this.logFailure(task, failure, cause);
    if (!failure.retryable || task.retries >= definition.retry.max) {
      const last = { ...failure, retryable: false };
      const changed = await this.ledger.fail(task, last);
      return changed ? this.over(task.id, 'FAILURE', failure.code) : this.stale(task);
    }
    const inMs =
      cause instanceof RetryLater
        ? cause.delayMs
        : retryDelayMs(definition.retry, task.retries + 1);
    const changed = await this.ledger.retry(task, failure, inMs);
    return changed ? { kind: 'later', inMs } : this.stale(task);
  }

  private async handBack(task: ClaimedTask, reason: Error): Promise<RunOutcome> {
    if (!(reason instanceof WorkerStopping)) return this.stale(task);
    await this.ledger.release(task);
    this.log.log(`Task ${task.id} (${task.name}) goes back to the queue: ${reason.message}`);
    return { kind: 'later', inMs: 0 };
  }

  private async postpone(task: ClaimedTask): Promise<RunOutcome> {
    this.log.warn(
      `Task ${task.id} is of the unknown kind "${task.name}"; it waits for a worker that knows it.`,
    );
    await this.ledger.release(task, unknownTaskDelayMs);
    return { kind: 'later', inMs: unknownTaskDelayMs };
  }

  private over(taskId: string, state: FinalState | null, code?: string): RunOutcome {
    if (state !== null) this.events.finished(taskId, state);
    return { kind: 'over', state, ...(code !== undefined && { code }) };
  }

  private stale(task: ClaimedTask): RunOutcome {
    this.log.warn(
      `Task ${task.id}, attempt ${task.attempt}: another worker has it; result dropped`,
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

function parsePayload({ definition }: RegisteredTask, task: ClaimedTask): unknown {
  const parsed = definition.payload.safeParse(task.payload);
  if (parsed.success) return parsed.data;
  throw new PermanentTaskError(
    'invalid_payload',
    `The stored payload does not fit the task: ${z.prettifyError(parsed.error)}`,
  );
}

function parseResult({ definition }: RegisteredTask, result: unknown): Json {
  const parsed = definition.result.safeParse(result ?? null);
  if (parsed.success) return parsed.data as Json;
  throw new PermanentTaskError(
    'invalid_result',
    `The handler's result does not fit the task: ${z.prettifyError(parsed.error)}`,
  );
}
