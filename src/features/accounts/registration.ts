import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { inTransaction, rows } from '../../infrastructure/database/transaction.js';
import { EmailLinks } from '../email/email-links.js';
import type { Language } from '../email/languages.js';
import { MailOutbox } from '../email/mail-outbox.js';
import { LifecycleEvents } from '../user-lifecycle/lifecycle-events.js';
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
    private readonly mails: MailOutbox,
    private readonly mailsTo: MailsToAddress,
    private readonly lifecycle: LifecycleEvents,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'registrationOpen'>,
  ) {}

  /** Has the mail sent that confirms the address. @returns id of the task that sends it @throws RegistrationClosedError */
  async register(email: string, password: string, language: Language | null): Promise<string> {
    if (!this.settings.registrationOpen) throw new RegistrationClosedError();
    // For a known address too, so that both take as long.
    const passwordHash = await hashPassword(password);
    const taskId = uuidv7();
    const silent = this.mailsTo.add(email, 'somebody') > 0;
    await inTransaction(this.database, async (tx) => {
      const sql = `SELECT id FROM users WHERE email = $1`;
      const [known] = await rows<{ id: string }>(tx, sql, [email]);
      if (silent) return;
      if (known) {
        const mail = { id: taskId, key: taskId, template: 'already_registered' as const };
        await this.mails.add(tx, { ...mail, userId: known.id, values: {} });
      } else {
        const link_id = await this.links.addVerify(tx, email, { passwordHash, language });
        await this.lifecycle.add(tx, null, { kind: 'registered', link_id, mail_id: taskId });
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
        `INSERT INTO users (id, name, role, email, password_hash, language)
         VALUES ($1, $2, 'user', $3, $4, $5) ON CONFLICT (email) DO NOTHING RETURNING id`,
        // Names are in logs, where addresses must not be.
        [id, `user-${id.slice(-12)}`, link.email, link.passwordHash, link.language],
      );
      // Another registration of this address was confirmed before.
      if (made.length === 0) throw new InvalidLinkError();
      await tx.query(`DELETE FROM email_links WHERE email = $1 AND purpose = 'verify'`, [
        link.email,
      ]);
      await this.lifecycle.add(tx, id, { kind: 'verified' });
      return { id, email: link.email };
    });
  }
}
