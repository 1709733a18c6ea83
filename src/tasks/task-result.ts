import type { TaskProgress } from './task-context.js';
import { TaskFailedError, TaskRevokedError, TaskTimeoutError } from './task-errors.js';
import type { RevokeOptions, Revoked } from './task-revocations.js';
import { isFinal, type TaskState } from './task-state.js';
import type { TaskEntity } from './task.entity.js';

/** Where handles ask; `TaskResults` is it. */
export interface ResultSource {
  task(id: string): Promise<TaskEntity>;
  /** The task once it is over, or as it is after `timeoutMs`. */
  end(id: string, timeoutMs?: number): Promise<TaskEntity>;
  forget(id: string): Promise<void>;
  revoke(id: string, options?: RevokeOptions): Promise<Revoked>;
  /** Parts of a group, in order. */
  parts(id: string): Promise<TaskEntity[]>;
}

/**
 * A task that was sent, as its sender sees it: Celery's AsyncResult. Holds no state; every verb asks
 * the ledger.
 *
 * Each verb but `revoke` throws `UnknownTaskError` when there is no such task (any more).
 */
export class TaskResult<R = unknown> {
  constructor(
    readonly id: string,
    protected readonly results: ResultSource,
    private readonly parse: (result: unknown) => R,
  ) {}

  async status(): Promise<TaskState> {
    return (await this.task()).state;
  }

  /** Whether the task is over, whatever came of it. */
  async ready(): Promise<boolean> {
    return isFinal(await this.status());
  }

  async successful(): Promise<boolean> {
    return (await this.status()) === 'SUCCESS';
  }

  /** Whether it ended without a result: FAILURE or REVOKED. */
  async failed(): Promise<boolean> {
    const state = await this.status();
    return state === 'FAILURE' || state === 'REVOKED';
  }

  /** Progress of the running attempt; null when there is none. */
  async info(): Promise<TaskProgress | null> {
    return (await this.task()).progress;
  }

  /**
   * Waits for the result. Woken by a message when the task ends, not by asking again and again.
   *
   * @param timeoutMs milliseconds; default: as long as it takes
   * @returns null when the result was forgotten or has expired
   * @throws TaskFailedError or TaskRevokedError when it ended so
   * @throws TaskTimeoutError when it is not over in time; the task goes on
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
   * Drops the result; `get` gives null from then on. A task that runs still runs to its end. What takes
   * its result in a canvas that is not over gets null as well.
   */
  async forget(): Promise<void> {
    await this.results.forget(this.id);
  }

  /** Stops it for good: see `TaskRevocations.revoke`. Doing so again changes nothing. */
  async revoke(options?: RevokeOptions): Promise<Revoked> {
    return this.results.revoke(this.id, options);
  }

  protected async task(): Promise<TaskEntity> {
    return this.results.task(this.id);
  }
}

/** A group that was sent: Celery's GroupResult. `get` gives the results of its parts, in order. */
export class GroupResult<O extends readonly unknown[] = unknown[]> extends TaskResult<O> {
  /** Handles of its parts, in order. */
  async parts(): Promise<TaskResult<O[number]>[]> {
    const parts = await this.results.parts(this.id);
    return parts.map(({ id }) => new TaskResult<O[number]>(id, this.results, (result) => result));
  }

  /** How many parts have SUCCESS. */
  async completedCount(): Promise<number> {
    const parts = await this.results.parts(this.id);
    return parts.filter((part) => part.state === 'SUCCESS').length;
  }
}
