import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { InvalidFieldsError } from '../../common/app-error.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { query } from '../../infrastructure/database/transaction.js';
import type { Role } from '../auth/user.entity.js';

export interface ListedUser {
  id: string;
  name: string;
  /** Null: signs in with keys only. */
  email: string | null;
  role: Role;
  plan: string;
  /** Credits; null when the account is not open yet. */
  balance: number | null;
  createdAt: Date;
}

const listed = `
  SELECT u.id, u.name, u.email, u.role, u.plan, a.balance::float8, u.created_at AS "createdAt"
    FROM users u LEFT JOIN credit_accounts a ON a.user_id = u.id
   WHERE u.deleted_at IS NULL`;

/** All users, for admins. */
@Injectable()
export class Users {
  constructor(
    private readonly database: DataSource,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'plans'>,
  ) {}

  /** The newest first. @param before id of a user: only older ones */
  async list(limit: number, before?: string): Promise<ListedUser[]> {
    const sql = `${listed} AND ($2::uuid IS NULL OR u.id < $2) ORDER BY u.id DESC LIMIT $1`;
    return query<ListedUser>(this.database, sql, [limit, before ?? null]);
  }

  /** By id, name or address. */
  async find(idOrName: string): Promise<ListedUser | undefined> {
    const sql = `${listed} AND $1 IN (u.id::text, u.name, u.email)
                  ORDER BY u.id::text = $1 DESC, u.name = $1 DESC LIMIT 1`;
    return (await query<ListedUser>(this.database, sql, [idOrName]))[0];
  }

  /** @throws InvalidFieldsError for an unknown plan */
  async setPlan(id: string, plan: string): Promise<void> {
    const known = Object.keys(this.settings.plans);
    if (!known.includes(plan)) {
      throw new InvalidFieldsError([{ path: 'plan', message: `is none of: ${known.join(', ')}` }]);
    }
    await query(this.database, `UPDATE users SET plan = $2 WHERE id = $1`, [id, plan]);
  }
}
