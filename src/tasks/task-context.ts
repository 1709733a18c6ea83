import type { Transaction } from '../infrastructure/database/transaction.js';

/** What a handler knows about the attempt it is running. */
export interface TaskContext {
  readonly taskId: string;
  /** 1 for the first claim; the fencing token of everything this attempt writes. */
  readonly attempt: number;
  /** User the task belongs to. */
  readonly ownerId: string | null;
  readonly correlationId: string | null;
  /**
   * Fires at the soft time limit (`SoftTimeLimitExceeded`), when the worker stops
   * (`WorkerStopping`) and when another worker may have the task (`LeaseLost`). Hand it to every
   * outside call.
   */
  readonly signal: AbortSignal;
  /** Shows progress to whoever asks for the task's status. Cheap: written at most twice a second. */
  readonly progress: (progress: TaskProgress) => void;
}

/** Progress as the API shows it; unknown parts are null, never guessed. */
export interface TaskProgress {
  /** 0 … 100 */
  percent: number;
  step?: number | null;
  steps?: number | null;
  eta_seconds?: number | null;
}

/**
 * A handler's answer with rows of its own: `write` runs inside the transaction that makes the task
 * SUCCESS, so its rows, the state and the tasks it sends stand or fall together. It may run more
 * than once (a serialization failure) and must do nothing but write through `tx`.
 */
export class Completion<R> {
  constructor(readonly write: (tx: Transaction) => Promise<R>) {}
}

export function completeWith<R>(write: (tx: Transaction) => Promise<R>): Completion<R> {
  return new Completion(write);
}
