import { z } from 'zod';

/** An error as the ledger keeps it and the API shows it. Our own words: no secret, no stack trace. */
export const taskFailure = z.strictObject({
  /** Stable word for programs: `time_limit`, `engine_unavailable`, … */
  code: z.string(),
  message: z.string(),
  /** Whether the same task could succeed if it was sent again. */
  retryable: z.boolean(),
  /** Id of the task of the same canvas that caused the failure. */
  task_id: z.uuid().optional(),
});
export type TaskFailure = z.output<typeof taskFailure>;

/** The payload of a `linkError` callback. */
export const taskErrorReport = z.strictObject({
  task_id: z.uuid(),
  /** Name of the failed task; for a chain, group or chord that word. */
  name: z.string(),
  error: taskFailure,
});
export type TaskErrorReport = z.output<typeof taskErrorReport>;

/**
 * An error with a stable code, for handlers to throw. Anything else that a handler throws is retryable
 * and has the code `handler_error`; its message appears in the log only.
 */
export abstract class TaskError extends Error {
  abstract readonly retryable: boolean;

  constructor(
    readonly code: string,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Another attempt may succeed. The definition's retry policy decides when and how often to try. */
export class RetryableTaskError extends TaskError {
  readonly retryable = true;
}

/** No attempt can succeed. The task becomes FAILURE at once. */
export class PermanentTaskError extends TaskError {
  readonly retryable = false;
}

/** Asks for another attempt after `delayMs` milliseconds, which counts as a retry. */
export class RetryLater extends TaskError {
  readonly retryable = true;

  constructor(
    readonly delayMs: number,
    message = 'The task asked to run later.',
    code = 'retry_later',
  ) {
    super(code, message);
  }
}

export interface SnoozeOptions {
  /** Why the task waits. When `patienceMs` is over, it becomes FAILURE with this code. */
  code: string;
  message: string;
  /** Longest wait in all, from the first snooze of an unbroken series. Milliseconds. */
  patienceMs: number;
  cause?: unknown;
}

/**
 * Something that the task needs is not available at the moment, through no fault of the task. It goes back
 * to the queue and runs again after `delayMs` milliseconds; no retry is counted. After an attempt that ends
 * in any other way, `patienceMs` counts from the start again.
 */
export class Snooze extends TaskError {
  readonly retryable = true;
  readonly patienceMs: number;

  constructor(
    readonly delayMs: number,
    { code, message, patienceMs, cause }: SnoozeOptions,
  ) {
    super(code, message, { cause });
    this.patienceMs = patienceMs;
  }
}

/** The signal's reason at the soft time limit. The handler may still return a result. */
export class SoftTimeLimitExceeded extends PermanentTaskError {
  constructor(limitMs: number) {
    super('time_limit', `The task was stopped after its time limit of ${limitMs / 1000} s.`);
  }
}

/** The hard time limit: the task is FAILURE, whatever its handler still does. */
export class HardTimeLimitExceeded extends PermanentTaskError {
  constructor(limitMs: number) {
    super('time_limit', `The task did not end within ${limitMs / 1000} s.`);
  }
}

/** The signal's reason when another worker may have the task. This attempt can no longer write anything. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** How to stop a running task that is revoked. */
export interface RevokeRequest {
  /** In the process pool: end the process with `signal` once `graceMs` is over. Otherwise SIGKILL ends it a second later. */
  terminate: boolean;
  /** The signal for `terminate`. SIGKILL follows if that has no effect. */
  signal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGUSR1' | 'SIGUSR2' | 'SIGKILL';
  /** Milliseconds that the handler has to stop after its abort signal. */
  graceMs: number;
}

/** The error of a revoked task in the ledger. */
export const revokedFailure: TaskFailure = {
  code: 'revoked',
  message: 'The task was revoked.',
  retryable: false,
};

/** The signal's reason when somebody revoked the task. It ends as REVOKED. */
export class TaskRevoked extends Error {
  override readonly name = 'TaskRevoked';

  constructor(readonly request: RevokeRequest) {
    super('the task was revoked');
  }
}

/** The signal's reason when the worker stops. The task goes back to the queue and runs again. */
export class WorkerStopping extends Error {
  override readonly name = 'WorkerStopping';
}

/** The failure that the ledger keeps for whatever a handler threw. */
export function failureOf(error: unknown): TaskFailure {
  if (error instanceof TaskError) {
    return { code: error.code, message: storable(error.message), retryable: error.retryable };
  }
  return {
    code: 'handler_error',
    message: 'The task failed unexpectedly. The log has the details.',
    retryable: true,
  };
}

/** Replaces what Postgres cannot store: NUL characters, and halves of a surrogate pair (a truncated emoji). */
function storable(text: string): string {
  return Buffer.from(text).toString().replaceAll('\0', '\uFFFD');
}

/** No task has this id, or the task was deleted. */
export class UnknownTaskError extends Error {
  override readonly name = 'UnknownTaskError';

  constructor(readonly taskId: string) {
    super(`There is no task ${taskId}.`);
  }
}

/** `get` waited for a task that ended as FAILURE. */
export class TaskFailedError extends Error {
  override readonly name = 'TaskFailedError';

  constructor(
    readonly taskId: string,
    readonly failure: TaskFailure,
  ) {
    super(`Task ${taskId} failed: ${failure.message} (${failure.code})`);
  }
}

/** `get` waited for a task that ended as REVOKED. `failure` says why, if known. */
export class TaskRevokedError extends Error {
  override readonly name = 'TaskRevokedError';

  constructor(
    readonly taskId: string,
    readonly failure: TaskFailure | null,
  ) {
    super(`Task ${taskId} was revoked${failure ? `: ${failure.message}` : '.'}`);
  }
}

/** The task did not end within `timeoutMs` milliseconds. It goes on running. */
export class TaskTimeoutError extends Error {
  override readonly name = 'TaskTimeoutError';

  constructor(
    readonly taskId: string,
    readonly timeoutMs: number,
  ) {
    super(`Task ${taskId} is not over after ${timeoutMs} ms.`);
  }
}
