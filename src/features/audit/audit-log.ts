import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { retried } from '../../infrastructure/database/transaction.js';
import type { RequestUser } from '../auth/request-user.js';

/** What an admin did to something that belongs to somebody else. */
export interface AuditEntry {
  /** For example `task.revoke`. */
  action: string;
  /** Id of what it was done to. */
  target: string;
  detail?: Record<string, unknown>;
}

/** Keeps what admins do to what is not theirs: in the log, and what they change in the table `audit_log` as well. */
@Injectable()
export class AuditLog {
  private readonly log = new Logger('Audit');

  constructor(private readonly database: DataSource) {}

  /**
   * Writes an entry before the act itself.
   *
   * Failure window: the process dies in between, and the entry tells of an act that did not happen. The other way
   * round, an act without an entry, cannot be.
   */
  async changes(actor: RequestUser, { action, target, detail = {} }: AuditEntry): Promise<void> {
    const sql = `INSERT INTO audit_log (actor_id, action, target, detail) VALUES ($1, $2, $3, $4)`;
    await retried(() => this.database.query(sql, [actor.id, action, target, detail]));
    this.log.log(`${actor.name} (${actor.id}): ${action} ${target}`);
  }

  /** Only a line in the log. */
  reads(actor: Pick<RequestUser, 'id' | 'name'>, { action, target }: AuditEntry): void {
    this.log.log(`${actor.name} (${actor.id}): ${action} ${target}`);
  }
}
