import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { Repository } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { sharedAbort } from '../../common/deadline.js';
import { retried } from '../../infrastructure/database/transaction.js';
import { TaskEvents } from '../../tasks/events/task-events.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { TaskEntity } from '../../tasks/ledger/task.entity.js';

type Requester = Pick<RequestUser, 'id' | 'name' | 'role'>;

export interface Wait {
  /** Milliseconds. */
  timeoutMs: number;
  /** Fires when nobody waits for the answer any longer. */
  hungUp: AbortSignal;
  /** Name of the task. */
  name?: string;
}

@Injectable()
export class TaskStatusService implements OnModuleDestroy {
  private readonly stopping = sharedAbort();
  private waits = 0;

  constructor(
    @InjectRepository(TaskEntity) private readonly tasks: Repository<TaskEntity>,
    private readonly events: TaskEvents,
    private readonly audit: AuditLog,
  ) {}

  /**
   * Reads one row by its primary key.
   *
   * @throws NotFoundError for unknown ids, tasks of other users and tasks with another name than `name` alike
   */
  async find(id: string, user: Requester, name?: string): Promise<TaskEntity> {
    const task = await this.look(id, user, name);
    if (task.ownerId !== user.id) this.audit.reads(user, { action: 'task.read', target: id });
    return task;
  }

  private async look(id: string, user: Requester, name?: string): Promise<TaskEntity> {
    const task = await retried(() => this.tasks.findOneBy({ id }));
    const visible = task && (task.ownerId === user.id || user.role === 'admin');
    if (!visible || (name !== undefined && task.name !== name)) throw new NotFoundError('task');
    return task;
  }

  /**
   * Returns the task when it is final, after `timeoutMs`, or when the client has hung up. Costs one read
   * every five seconds.
   */
  async wait(id: string, user: Requester, { timeoutMs, hungUp, name }: Wait): Promise<TaskEntity> {
    const find = () => this.look(id, user, name);
    this.waits++;
    try {
      return await this.events.awaited(id, find, timeoutMs, this.stopping.signal, hungUp);
    } finally {
      this.waits--;
    }
  }

  /** Requests that are waiting now. */
  get waiting(): number {
    return this.waits;
  }

  /** Ends waiting requests: they would delay the shutdown of the process. */
  onModuleDestroy(): void {
    this.stopping.abort();
  }
}
