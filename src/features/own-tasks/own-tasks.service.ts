import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { LessThan, Repository, type FindOptionsSelect } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { retried } from '../../infrastructure/database/transaction.js';
import { UnknownTaskError } from '../../tasks/definitions/task-errors.js';
import { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { AuditLog } from '../audit/audit-log.js';
import { ForbiddenError } from '../auth/auth-errors.js';
import type { RequestUser } from '../auth/request-user.js';
import { TaskStatusService } from '../task-status/task-status.service.js';
import {
  taskListOf,
  type ListQuery,
  type RevokeAnswer,
  type RevokeRequest,
  type TaskList,
} from './own-tasks.dto.js';

/** Neither payload nor result: two hundred of them could be 12 MB each. */
const listed: FindOptionsSelect<TaskEntity> = {
  id: true,
  name: true,
  ownerId: true,
  state: true,
  attempt: true,
  progress: true,
  error: true,
  createdAt: true,
  startedAt: true,
  finishedAt: true,
  expiresAt: true,
};

/** What users do with their tasks, and admins with everybody's. */
@Injectable()
export class OwnTasksService {
  constructor(
    @InjectRepository(TaskEntity) private readonly rows: Repository<TaskEntity>,
    private readonly tasks: TaskClient,
    private readonly status: TaskStatusService,
    private readonly audit: AuditLog,
  ) {}

  /** One page, the newest first. @throws ForbiddenError when a user asks for the tasks of others */
  async list(user: RequestUser, query: ListQuery): Promise<TaskList> {
    const owner = query.owner ?? user.id;
    if (owner !== user.id) {
      if (user.role !== 'admin') throw new ForbiddenError();
      this.audit.reads(user, { action: 'tasks.list', target: owner });
    }
    const found = await retried(() =>
      this.rows.find({
        select: listed,
        where: {
          ...(owner !== 'all' && { ownerId: owner }),
          ...(query.status !== undefined && { state: query.status }),
          ...(query.name !== undefined && { name: query.name }),
          ...(query.cursor !== undefined && { id: LessThan(query.cursor) }),
        },
        order: { id: 'DESC' },
        take: query.limit + 1,
      }),
    );
    return taskListOf(found, query.limit);
  }

  /** Revoking a task again changes nothing. @throws NotFoundError */
  async revoke(user: RequestUser, id: string, request: RevokeRequest): Promise<RevokeAnswer> {
    await this.mayChange(user, id, 'task.revoke');
    const [revoked] = await this.tasks.revoke(id, request);
    // Deleted meanwhile.
    if (revoked!.outcome === 'unknown') throw new NotFoundError('task');
    return { task_id: id, outcome: revoked!.outcome, status: revoked!.state! };
  }

  /** Drops the result; of a task that is not over, when it is. Forgetting it again changes nothing. @throws NotFoundError */
  async forget(user: RequestUser, id: string): Promise<void> {
    await this.mayChange(user, id, 'task.forget');
    try {
      await this.tasks.result(id).forget();
    } catch (error) {
      // Deleted meanwhile.
      throw error instanceof UnknownTaskError ? new NotFoundError('task') : error;
    }
  }

  /** @throws NotFoundError for unknown ids and tasks of other users alike */
  private async mayChange(user: RequestUser, id: string, action: string): Promise<void> {
    const task = await this.status.find(id, user);
    if (task.ownerId === user.id) return;
    await this.audit.changes(user, { action, target: id, detail: { owner_id: task.ownerId } });
  }
}
