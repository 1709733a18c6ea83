import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import {
  inTransaction,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { EmailLinks } from '../email/email-links.js';
import { sendEmailTask, type MailTemplate } from '../email/email.tasks.js';
import { InvalidLinkError, RegistrationClosedError } from './accounts.errors.js';
import { MailsToAddress } from './limits.js';
import { hashPassword } from './passwords.js';

/**
 * Registration with an e-mail address. The user exists once the address is confirmed, with the password of the
 * registration whose link was opened. Nobody can tell from an answer whether an address is registered.
 */
@Injectable()
export class Registration {
  constructor(
    private readonly database: DataSource,
    private readonly links: EmailLinks,
    private readonly tasks: TaskClient,
    private readonly mailsTo: MailsToAddress,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'registrationOpen'>,
  ) {}

  /** Sends the mail that confirms the address. @returns id of the task that sends it @throws RegistrationClosedError */
  async register(email: string, password: string): Promise<string> {
    if (!this.settings.registrationOpen) throw new RegistrationClosedError();
    // For a known address too, so that both take as long.
    const passwordHash = await hashPassword(password);
    const taskId = uuidv7();
    const silent = this.mailsTo.add(email, 'somebody') > 0;
    await inTransaction(this.database, async (tx) => {
      const known = await rows(tx, `SELECT FROM users WHERE email = $1`, [email]);
      if (silent) return;
      if (known.length > 0) {
        await this.send(tx, taskId, email, 'already_registered');
      } else {
        const link = await this.links.addVerify(tx, email, passwordHash);
        await this.send(tx, taskId, email, 'verify', link);
      }
    });
    return taskId;
  }

  /** Makes the user of a registration. @throws InvalidLinkError */
  async verify(token: string): Promise<{ id: string; email: string }> {
    return inTransaction(this.database, async (tx) => {
      const link = await this.links.use(tx, 'verify', token);
      if (!link) throw new InvalidLinkError();
      const id = uuidv7();
      const made = await rows(
        tx,
        `INSERT INTO users (id, name, role, email, password_hash) VALUES ($1, $2, 'user', $3, $4)
         ON CONFLICT (email) DO NOTHING RETURNING id`,
        // Names are in logs, where addresses must not be.
        [id, `user-${id.slice(-12)}`, link.email, link.passwordHash],
      );
      // Another registration of this address was confirmed before.
      if (made.length === 0) throw new InvalidLinkError();
      await tx.query(`DELETE FROM email_links WHERE email = $1 AND purpose = 'verify'`, [
        link.email,
      ]);
      return { id, email: link.email };
    });
  }

  private async send(
    tx: Transaction,
    id: string,
    email: string,
    template: MailTemplate,
    link?: string,
  ): Promise<void> {
    const mail = { email_to: email, template, ...(link !== undefined && { link_id: link }) };
    await this.tasks.send(tx, sendEmailTask, mail, { id });
  }
}
