import { LeaseLost, TaskRevoked, WorkerStopping } from '../definitions/task-errors.js';

/** Reasons that come from outside the handler. What happens to the task does not depend on the handler then. */
export type StopReason = LeaseLost | WorkerStopping | TaskRevoked;

/**
 * Stops one attempt. A signal can be aborted only once, so a handler that goes on after its soft time limit
 * does not notice a later revocation. Its runner does, through `stopped`.
 */
export class AttemptAbort {
  private readonly handler = new AbortController();
  private readonly outside = new AbortController();

  /** The handler's signal. It keeps the first reason. */
  get signal(): AbortSignal {
    return this.handler.signal;
  }

  /** Aborted with the first {@link StopReason}, even after the soft time limit. */
  get stopped(): AbortSignal {
    return this.outside.signal;
  }

  /** @param reason a {@link StopReason}, or the error of a time limit */
  abort(reason: unknown): void {
    if (isStopReason(reason)) this.outside.abort(reason);
    this.handler.abort(reason);
  }
}

function isStopReason(reason: unknown): reason is StopReason {
  return (
    reason instanceof LeaseLost || reason instanceof WorkerStopping || reason instanceof TaskRevoked
  );
}
