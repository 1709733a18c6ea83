import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import {
  inTransaction,
  query,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { EmailLinks } from '../email/email-links.js';
import { MailOutbox } from '../email/mail-outbox.js';
import type { Role } from '../auth/user.entity.js';
import type { CheckedUser } from './checked-user.js';
import { InvalidLinkError, WrongPasswordError } from './accounts.errors.js';
import { forgotPasswordTask } from './accounts.tasks.js';
import { MailsToAddress } from './limits.js';
import { Logins } from './logins.js';
import { hashPassword, passwordMatches } from './passwords.js';

interface Kept {
  id: string;
  role: Role;
  hash: string | null;
}

/** Checks passwords, and changes them. A new password ends every login and browser session of the user, but no API key. */
@Injectable()
export class PasswordsOfUsers {
  constructor(
    private readonly database: DataSource,
    private readonly links: EmailLinks,
    private readonly tasks: TaskClient,
    private readonly logins: Logins,
    private readonly mailsTo: MailsToAddress,
    private readonly mails: MailOutbox,
  ) {}

  /** Takes as long for an unknown address. @returns undefined when the address or the password is wrong */
  async userWith(email: string, password: string): Promise<CheckedUser | undefined> {
    const [kept] = await query<Kept>(
      this.database,
      `SELECT id, role, password_hash AS hash FROM users WHERE email = $1`,
      [email],
    );
    const right = await passwordMatches(password, kept?.hash);
    return right && kept ? { ...kept, hash: kept.hash! } : undefined;
  }

  /** @throws WrongPasswordError, also for a user who has no password */
  async check(userId: string, password: string): Promise<void> {
    const [kept] = await query<Kept>(
      this.database,
      `SELECT id, role, password_hash AS hash FROM users WHERE id = $1`,
      [userId],
    );
    if (!(await passwordMatches(password, kept?.hash))) throw new WrongPasswordError();
  }

  async has(userId: string): Promise<boolean> {
    const sql = `SELECT FROM users WHERE id = $1 AND password_hash IS NOT NULL`;
    return (await query(this.database, sql, [userId])).length > 0;
  }

  /** @throws WrongPasswordError */
  async change(userId: string, current: string, password: string): Promise<void> {
    await this.check(userId, current);
    await this.set(userId, await hashPassword(password));
  }

  /** Has a link for a new password sent, if the address is registered. Nobody can tell from here whether it is. */
  async sendReset(email: string): Promise<void> {
    if (this.mailsTo.add(email, 'somebody') > 0) return;
    const id = uuidv7();
    await inTransaction(this.database, async (tx) => {
      await tx.query(
        `INSERT INTO password_requests (id, email) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
        [id, email],
      );
      await this.tasks.send(tx, forgotPasswordTask, { request_id: id }, { id });
    });
  }

  /** @throws InvalidLinkError */
  async reset(token: string, password: string): Promise<void> {
    // A hash takes time that made-up tokens must not cost.
    if (!(await this.links.isGenuine('reset', token))) throw new InvalidLinkError();
    const hash = await hashPassword(password);
    const changeId = uuidv7();
    await inTransaction(this.database, async (tx) => {
      const link = await this.links.use(tx, 'reset', token);
      if (!link) throw new InvalidLinkError();
      await this.write(tx, link.userId!, hash, changeId);
    });
  }

  private async set(userId: string, hash: string): Promise<void> {
    const changeId = uuidv7();
    await inTransaction(this.database, (tx) => this.write(tx, userId, hash, changeId));
  }

  /** @param changeId of this change, whichever attempt it is: it has one mail */
  private async write(
    tx: Transaction,
    userId: string,
    hash: string,
    changeId: string,
  ): Promise<void> {
    const changed = await rows(
      tx,
      `UPDATE users SET password_hash = $2 WHERE id = $1 AND deleted_at IS NULL RETURNING id`,
      [userId, hash],
    );
    if (changed.length === 0) return;
    await this.logins.endAll(tx, userId);
    await tx.query(`DELETE FROM email_links WHERE user_id = $1`, [userId]);
    const mail = { template: 'password_changed' as const, key: changeId, values: {} };
    await this.mails.add(tx, { ...mail, userId });
  }
}
