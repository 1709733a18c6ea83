import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { retried } from '../../infrastructure/database/transaction.js';
import { TaskEvents } from '../../tasks/task-events.js';
import { TaskEntity } from '../../tasks/task.entity.js';

interface Requester {
  id: string;
  role: string;
}

export interface Wait {
  /** Milliseconds. */
  timeoutMs: number;
  /** Fires when nobody waits for the answer any more. */
  hungUp: AbortSignal;
  /** Kind of task. */
  name?: string;
}

@Injectable()
export class TaskStatusService implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  private waits = 0;

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

  /**
   * The task once it is final, or as it is after `timeoutMs`, or when the client has hung up. Costs a read
   * every five seconds.
   */
  async wait(id: string, user: Requester, { timeoutMs, hungUp, name }: Wait): Promise<TaskEntity> {
    const find = () => this.find(id, user, name);
    this.waits++;
    try {
      return await this.events.awaited(id, find, timeoutMs, this.stopping.signal, hungUp);
    } finally {
      this.waits--;
    }
  }

  /** Requests that wait just now. */
  get waiting(): number {
    return this.waits;
  }

  /** Requests that wait would hold up the end of the process. */
  onModuleDestroy(): void {
    this.stopping.abort();
  }
}
