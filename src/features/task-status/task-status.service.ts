import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { retried } from '../../infrastructure/database/transaction.js';
import { TaskEvents } from '../../tasks/task-events.js';
import { isFinal } from '../../tasks/task-state.js';
import { TaskEntity } from '../../tasks/task.entity.js';

interface Requester {
  id: string;
  role: string;
}

@Injectable()
export class TaskStatusService implements OnModuleDestroy {
  private readonly stopping = new AbortController();

  constructor(
    @InjectRepository(TaskEntity) private readonly tasks: Repository<TaskEntity>,
    private readonly events: TaskEvents,
  ) {}

  /**
   * One primary-key read.
   *
   * @throws NotFoundError for unknown ids, somebody else's tasks and other kinds than `name` alike
   */
  async find(id: string, user: Requester, name?: string): Promise<TaskEntity> {
    const task = await retried(() => this.tasks.findOneBy({ id }));
    const visible = task && (task.ownerId === user.id || user.role === 'admin');
    if (!visible || (name !== undefined && task.name !== name)) throw new NotFoundError('task');
    return task;
  }

  /** The task once it is final, or as it is after `timeoutMs`. Costs a read every five seconds. */
  async wait(id: string, user: Requester, timeoutMs: number, name?: string): Promise<TaskEntity> {
    const timeout = AbortSignal.any([AbortSignal.timeout(timeoutMs), this.stopping.signal]);
    await this.events.listening();
    for (;;) {
      const changed = this.events.change(id, timeout);
      const task = await this.find(id, user, name);
      if (isFinal(task.state) || timeout.aborted) return task;
      await changed;
    }
  }

  /** Requests that wait would hold up the end of the process. */
  onModuleDestroy(): void {
    this.stopping.abort();
  }
}
