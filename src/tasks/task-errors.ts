import { z } from 'zod';

/** What the ledger keeps of an error and the API shows. Written by us: no secret, no stack. */
export const taskFailure = z.strictObject({
  /** Stable word for programs: `time_limit`, `engine_unavailable`, … */
  code: z.string(),
  message: z.string(),
  /** Whether sending the same task again may help. */
  retryable: z.boolean(),
  /** Task of the same canvas that this one failed because of. */
  task_id: z.uuid().optional(),
});
export type TaskFailure = z.output<typeof taskFailure>;

/** What a `linkError` callback gets. */
export const taskErrorReport = z.strictObject({
  task_id: z.uuid(),
  /** Name of the task; `chain`, `group` or `chord` for those. */
  name: z.string(),
  error: taskFailure,
});
export type TaskErrorReport = z.output<typeof taskErrorReport>;

/**
 * A handler's error with a stable code. Anything else a handler throws counts as retryable with the
 * code `handler_error`, and its message stays in the log.
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

/** Another attempt may succeed; the definition's retry policy decides when and how often. */
export class RetryableTaskError extends TaskError {
  readonly retryable = true;
}

/** No attempt can succeed; the task is FAILURE at once. */
export class PermanentTaskError extends TaskError {
  readonly retryable = false;
}

/** Asks for another attempt after `delayMs` milliseconds; counts as a retry. */
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
  /** Why it waits; the task is FAILURE with this code when its patience is over. */
  code: string;
  message: string;
  /** Longest wait from the first snooze on, over any number of them. Milliseconds. */
  patienceMs: number;
  cause?: unknown;
}

/**
 * What the task needs is not there just now, and the task cannot help it: it goes back unharmed and runs again
 * after `delayMs` milliseconds. No retry is counted. An attempt that ends otherwise begins the patience anew.
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

/** Reason of the handler's signal at the soft time limit. A handler may still return a result. */
export class SoftTimeLimitExceeded extends PermanentTaskError {
  constructor(limitMs: number) {
    super('time_limit', `The task was stopped after its time limit of ${limitMs / 1000} s.`);
  }
}

/** The task ended as FAILURE at the hard time limit, whatever its handler does. */
export class HardTimeLimitExceeded extends PermanentTaskError {
  constructor(limitMs: number) {
    super('time_limit', `The task did not end within ${limitMs / 1000} s.`);
  }
}

/** Reason of the handler's signal when another worker may have the task: nothing it writes counts. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';
}

/** How somebody asked for a running task to be stopped. */
export interface RevokeRequest {
  /** In the process pool: end the process of a handler that does not stop by itself. */
  terminate: boolean;
  /** What its process gets then; SIGKILL follows when that does not help. */
  signal: 'SIGTERM' | 'SIGINT' | 'SIGQUIT' | 'SIGUSR1' | 'SIGUSR2' | 'SIGKILL';
  /** Milliseconds between the handler's signal and the end of its process. */
  graceMs: number;
}

/** What the ledger says of a task that somebody revoked. */
export const revokedFailure: TaskFailure = {
  code: 'revoked',
  message: 'The task was revoked.',
  retryable: false,
};

/** Reason of the handler's signal when somebody revoked the task; it ends as REVOKED. */
export class TaskRevoked extends Error {
  override readonly name = 'TaskRevoked';

  constructor(readonly request: RevokeRequest) {
    super('the task was revoked');
  }
}

/** Reason of the handler's signal when the worker stops; the task goes back and runs elsewhere. */
export class WorkerStopping extends Error {
  override readonly name = 'WorkerStopping';
}

/** The failure that the ledger keeps for anything a handler threw. */
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

/** Postgres keeps neither a NUL nor half of a character, which a cut through an emoji leaves. */
function storable(text: string): string {
  return Buffer.from(text).toString().replaceAll('\0', '\uFFFD');
}

/** No task has this id, or it was deleted with its data. */
export class UnknownTaskError extends Error {
  override readonly name = 'UnknownTaskError';

  constructor(readonly taskId: string) {
    super(`There is no task ${taskId}.`);
  }
}

/** The task that was waited for is FAILURE. */
export class TaskFailedError extends Error {
  override readonly name = 'TaskFailedError';

  constructor(
    readonly taskId: string,
    readonly failure: TaskFailure,
  ) {
    super(`Task ${taskId} failed: ${failure.message} (${failure.code})`);
  }
}

/** The task that was waited for is REVOKED; `failure` says why, where that is known. */
export class TaskRevokedError extends Error {
  override readonly name = 'TaskRevokedError';

  constructor(
    readonly taskId: string,
    readonly failure: TaskFailure | null,
  ) {
    super(`Task ${taskId} was revoked${failure ? `: ${failure.message}` : '.'}`);
  }
}

/** The task that was waited for is not over in time. It goes on. */
export class TaskTimeoutError extends Error {
  override readonly name = 'TaskTimeoutError';

  constructor(
    readonly taskId: string,
    readonly timeoutMs: number,
  ) {
    super(`Task ${taskId} is not over after ${timeoutMs} ms.`);
  }
}
