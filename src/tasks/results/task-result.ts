import type { TaskProgress } from '../definitions/task-context.js';
import { TaskFailedError, TaskRevokedError, TaskTimeoutError } from '../definitions/task-errors.js';
import { isFinal, type TaskState } from '../definitions/task-state.js';
import type { RevokeOptions, Revoked } from '../ending/task-revocations.js';
import type { TaskEntity } from '../ledger/task.entity.js';

/** Where the handles below get their data. Implemented by `TaskResults`. */
export interface ResultSource {
  task(id: string): Promise<TaskEntity>;
  /** Waits for the end of the task. @returns the task as it is then, or after `timeoutMs` milliseconds */
  end(id: string, timeoutMs?: number): Promise<TaskEntity>;
  forget(id: string): Promise<void>;
  revoke(id: string, options?: RevokeOptions): Promise<Revoked>;
  /** Parts of a group, in order. */
  parts(id: string): Promise<TaskEntity[]>;
}

/**
 * The handle of a task that was sent: Celery's AsyncResult. It holds no state; every method reads the ledger.
 *
 * Every method except `revoke` throws `UnknownTaskError` when the task does not exist, or not any more.
 */
export class TaskResult<R = unknown> {
  constructor(
    readonly id: string,
    protected readonly results: ResultSource,
    private readonly parse: (result: unknown) => R,
  ) {}

  /** The state in which the task is now. */
  async status(): Promise<TaskState> {
    return (await this.task()).state;
  }

  /** Whether the task is over, whatever the outcome. */
  async ready(): Promise<boolean> {
    return isFinal(await this.status());
  }

  /** Whether the task is SUCCESS. */
  async successful(): Promise<boolean> {
    return (await this.status()) === 'SUCCESS';
  }

  /** Whether the task ended without a result: FAILURE or REVOKED. */
  async failed(): Promise<boolean> {
    const state = await this.status();
    return state === 'FAILURE' || state === 'REVOKED';
  }

  /** Progress of the running attempt; null when no attempt runs or none was reported. */
  async info(): Promise<TaskProgress | null> {
    return (await this.task()).progress;
  }

  /**
   * Waits for the result. A message wakes it when the task ends, so waiting needs no fast polling.
   *
   * @param timeoutMs longest wait in milliseconds; default: no limit
   * @returns null when the result was forgotten or has expired
   * @throws TaskFailedError, TaskRevokedError when the task ended without a result
   * @throws TaskTimeoutError when the task is not over in time; it goes on running
   */
  async get({ timeoutMs }: { timeoutMs?: number } = {}): Promise<R | null> {
    const task = await this.results.end(this.id, timeoutMs);
    if (task.forgotten && isFinal(task.state)) return null;
    switch (task.state) {
      case 'SUCCESS':
        return this.parse(task.result);
      case 'FAILURE':
        throw new TaskFailedError(this.id, task.error!);
      case 'REVOKED':
        throw new TaskRevokedError(this.id, task.error);
      case 'PENDING':
      case 'STARTED':
      case 'RETRY':
        throw new TaskTimeoutError(this.id, timeoutMs ?? 0);
    }
  }

  /**
   * Drops the result; `get` returns null from then on. A running task still runs to its end. If a later node
   * of its canvas takes the result, it gets null as well.
   */
  async forget(): Promise<void> {
    await this.results.forget(this.id);
  }

  /** Stops the task for good: see `TaskRevocations.revoke`. Revoking it again changes nothing. */
  async revoke(options?: RevokeOptions): Promise<Revoked> {
    return this.results.revoke(this.id, options);
  }

  protected async task(): Promise<TaskEntity> {
    return this.results.task(this.id);
  }
}

/** The handle of a group that was sent: Celery's GroupResult. `get` returns the results of its parts, in order. */
export class GroupResult<O extends readonly unknown[] = unknown[]> extends TaskResult<O> {
  /** Handles of its parts, in order. */
  async parts(): Promise<TaskResult<O[number]>[]> {
    const parts = await this.results.parts(this.id);
    return parts.map(({ id }) => new TaskResult<O[number]>(id, this.results, (result) => result));
  }

  /** How many parts are SUCCESS. */
  async completedCount(): Promise<number> {
    const parts = await this.results.parts(this.id);
    return parts.filter((part) => part.state === 'SUCCESS').length;
  }
}
