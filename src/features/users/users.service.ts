import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../../common/app-error.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import {
  shownUserOf,
  type ShownUser,
  type UserChange,
  type UserList,
  type UserListQuery,
} from './users.dto.js';
import { Users } from './users.js';

/** What admins see of users, and change. */
@Injectable()
export class UsersService {
  constructor(
    private readonly users: Users,
    private readonly audit: AuditLog,
  ) {}

  /** One page, the newest first. */
  async list(admin: RequestUser, { limit, cursor }: UserListQuery): Promise<UserList> {
    this.audit.reads(admin, { action: 'users.list', target: 'all' });
    const found = await this.users.list(limit + 1, cursor);
    const page = found.slice(0, limit);
    return {
      users: page.map(shownUserOf),
      next_cursor: found.length > limit ? page.at(-1)!.id : null,
    };
  }

  /** @throws NotFoundError */
  async find(admin: RequestUser, id: string): Promise<ShownUser> {
    this.audit.reads(admin, { action: 'user.read', target: id });
    return this.shown(id);
  }

  private async shown(id: string): Promise<ShownUser> {
    const user = await this.users.find(id);
    if (!user) throw new NotFoundError('user');
    return shownUserOf(user);
  }

  /** @throws NotFoundError, InvalidFieldsError */
  async change(admin: RequestUser, id: string, { plan }: UserChange): Promise<ShownUser> {
    const { plan: before } = await this.shown(id);
    await this.audit.changes(admin, {
      action: 'user.change',
      target: id,
      detail: { plan, before },
    });
    await this.users.setPlan(id, plan);
    return this.shown(id);
  }
}
