import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { inTransaction, rows } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import type { Language } from '../email/languages.js';
import { MailOutbox } from '../email/mail-outbox.js';
import { deleteAccountTask } from './accounts.tasks.js';
import { refuseIfLastAdmin } from './last-admin.js';

/** Deletes users. From the commit on nobody can sign in as them; a task deletes what they have. */
@Injectable()
export class AccountDeletion {
  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
    private readonly mails: MailOutbox,
  ) {}

  /**
   * What stays: the ledger of credits and the audit log, which name the user by id only.
   *
   * @returns id of the task that deletes the rest
   * @throws NotFoundError, LastAdminError
   */
  async delete(userId: string): Promise<string> {
    return inTransaction(this.database, async (tx) => {
      await refuseIfLastAdmin(tx, userId);
      const [user] = await rows<{ email: string | null; language: Language | null }>(
        tx,
        `SELECT email, language FROM users WHERE id = $1 AND deleted_at IS NULL FOR UPDATE`,
        [userId],
      );
      if (!user) throw new NotFoundError('user');
      await tx.query(
        `UPDATE users SET deleted_at = now(), email = NULL, password_hash = NULL, role = 'user',
                name = 'deleted-' || id WHERE id = $1`,
        [userId],
      );
      for (const table of ['api_keys', 'sessions', 'logins', 'email_links', 'mails']) {
        await tx.query(`DELETE FROM ${table} WHERE user_id = $1`, [userId]);
      }
      if (user.email !== null) {
        await tx.query(`DELETE FROM password_requests WHERE email = $1`, [user.email]);
        const { email: address, language } = user;
        const mail = { template: 'account_deleted' as const, key: userId, values: {} };
        await this.mails.add(tx, { ...mail, address, language });
      }
      return (await this.tasks.send(tx, deleteAccountTask, { user_id: userId })).id;
    });
  }
}
