import type { Transaction } from '../../infrastructure/database/transaction.js';

/** What a handler knows about the attempt it is running. */
export interface TaskContext {
  readonly taskId: string;
  /** 1 for the first attempt. It is the fencing token: writes of an outdated attempt are refused. */
  readonly attempt: number;
  /** Id of the user that the task belongs to. */
  readonly ownerId: string | null;
  readonly correlationId: string | null;
  /**
   * Aborted at the soft time limit (`SoftTimeLimitExceeded`), when the task is revoked (`TaskRevoked`),
   * when the worker stops (`WorkerStopping`) and when another worker may have the task (`LeaseLost`).
   * Pass it to every outside call.
   */
  readonly signal: AbortSignal;
  /** Pauses the attempt's time limits, for a handler that waits for its turn at a shared resource. */
  readonly timeLimits: PausableLimits;
  /** Reports progress, which the task's status shows. Cheap: written at most twice a second. */
  readonly progress: (progress: TaskProgress) => void;
  /**
   * Locks the task's row until `tx` ends, for a handler that writes rows before it is over: they are committed only
   * while this attempt has the task.
   *
   * @throws LeaseLost when another attempt has it, or it was revoked; then `tx` must not commit
   */
  readonly hold: (tx: Transaction) => Promise<void>;
  /**
   * Tells of work elsewhere that goes on after this attempt, such as a job on a server that cannot be stopped. In a
   * process pool the place of the task stays taken until then, ten minutes at most: the child alone knows of that work.
   *
   * @param gone resolves when the work is over
   */
  readonly leavesBehind: (gone: Promise<void>) => void;
}

/**
 * Time spent waiting for a turn should not count as work. Between `pause` and `restart` no time limit
 * counts, and `restart` starts both limits from zero. So the wait itself needs its own deadline. Once the
 * soft limit has passed, neither method has an effect.
 */
export interface PausableLimits {
  pause(): void;
  restart(): void;
}

/** Progress as the API shows it. A value that is unknown is null, never guessed. */
export interface TaskProgress {
  /** 0 to 100. */
  percent: number;
  /** Steps done so far. */
  step?: number | null;
  /** Steps in all. */
  steps?: number | null;
  /** Estimated seconds to the end. */
  eta_seconds?: number | null;
}

/**
 * A handler's answer that writes rows: `write` runs in the transaction that makes the task SUCCESS, so its
 * rows, the task's state and the tasks it sends are committed together or not at all. `write` may run more
 * than once (after a serialization failure), so it must do nothing except write through `tx`.
 */
export class Completion<R> {
  constructor(readonly write: (tx: Transaction) => Promise<R>) {}
}

/** The answer of a handler whose `write` stores rows and returns the result. See {@link Completion}. */
export function completeWith<R>(write: (tx: Transaction) => Promise<R>): Completion<R> {
  return new Completion(write);
}
