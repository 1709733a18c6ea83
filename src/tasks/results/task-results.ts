import { Injectable } from '@nestjs/common';
import { DataSource, IsNull, Not } from 'typeorm';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import type { Result, TaskDefinition } from '../definitions/task-definition.js';
import { UnknownTaskError } from '../definitions/task-errors.js';
import { TaskRevocations, type RevokeOptions, type Revoked } from '../ending/task-revocations.js';
import { TaskEvents } from '../events/task-events.js';
import { TaskEntity } from '../ledger/task.entity.js';
import { GroupResult, TaskResult, type ResultSource } from './task-result.js';

/** Reads, awaits and drops the results of tasks. */
@Injectable()
export class TaskResults implements ResultSource {
  constructor(
    private readonly database: DataSource,
    private readonly events: TaskEvents,
    private readonly revocations: TaskRevocations,
  ) {}

  /** The handle of a task by its id. With the definition its result is parsed and typed; without, it is neither. */
  of<D extends TaskDefinition>(id: string, definition: D): TaskResult<Result<D>>;
  of(id: string): TaskResult;
  of(id: string, definition?: TaskDefinition): TaskResult {
    return new TaskResult(id, this, (result) =>
      definition ? definition.result.parse(result) : result,
    );
  }

  /** The handle of a group by its id. */
  group<O extends readonly unknown[]>(id: string): GroupResult<O> {
    return new GroupResult<O>(id, this, (result) => result as O);
  }

  /** Reads a task. @throws UnknownTaskError */
  async task(id: string): Promise<TaskEntity> {
    const task = await retried(() => this.database.manager.findOneBy(TaskEntity, { id }));
    if (!task) throw new UnknownTaskError(id);
    return task;
  }

  /**
   * Waits for the end of a task.
   *
   * @param timeoutMs longest wait in milliseconds
   * @returns the task as it is then, or after `timeoutMs`
   * @throws UnknownTaskError
   */
  end(id: string, timeoutMs = Infinity): Promise<TaskEntity> {
    return this.events.awaited(id, () => this.task(id), timeoutMs);
  }

  /** Drops the result of a task. @throws UnknownTaskError */
  async forget(id: string): Promise<void> {
    const sql = `UPDATE tasks SET result = NULL, forgotten = true WHERE id = $1 RETURNING id`;
    const forgotten = await retried(() => rows(this.database, sql, [id]));
    if (forgotten.length === 0) throw new UnknownTaskError(id);
  }

  async revoke(id: string, options?: RevokeOptions): Promise<Revoked> {
    const [revoked] = await this.revocations.revoke([id], options);
    return revoked!;
  }

  /** Parts of a group, in order. @throws UnknownTaskError */
  async parts(id: string): Promise<TaskEntity[]> {
    const parts = await retried(() =>
      this.database.manager.find(TaskEntity, {
        where: { parentId: id, position: Not(IsNull()) },
        order: { position: 'ASC' },
      }),
    );
    if (parts.length === 0) await this.task(id);
    return parts;
  }
}
