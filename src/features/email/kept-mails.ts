import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query, type Transaction } from '../../infrastructure/database/transaction.js';
import { giveUpDays } from './email.tasks.js';
import type { Language } from './languages.js';
import { mailTemplates, type MailTemplate } from './mail-templates.js';

export interface KeptMail {
  id: string;
  template: MailTemplate;
  /** Null: to an address that is nobody's account. */
  userId: string | null;
  /** Null: the account has gone. */
  address: string | null;
  language: Language;
  values: Record<string, unknown>;
  messageId: string;
  state: 'queued' | 'sent' | 'failed' | 'suppressed';
  createdAt: Date;
  /** It has been tried for long enough. */
  isOld: boolean;
  /** The user wants no such mail, or the address is known to be bad. */
  isUnwanted: boolean;
}

/** By template. Mails about the account have none, and are always sent. */
const categories = JSON.stringify(
  Object.fromEntries(Object.entries(mailTemplates).map(([name, { category }]) => [name, category])),
);

/** How the mails of the outbox go. What a mail was made of, and its address, are deleted when it is over. */
@Injectable()
export class KeptMails {
  constructor(private readonly database: DataSource) {}

  async find(id: string): Promise<KeptMail | undefined> {
    const [mail] = await query<KeptMail>(
      this.database,
      `SELECT m.id, m.template, m.user_id AS "userId", coalesce(m.address, u.email) AS address,
              m.language, m."values", m.message_id AS "messageId", m.state, m.created_at AS "createdAt",
              m.created_at < now() - interval '${giveUpDays} days' AS "isOld",
              coalesce($2::jsonb->>m.template = ANY(u.mail_off)
                       OR $2::jsonb->>m.template IS NOT NULL AND u.email_refused_at IS NOT NULL, false)
                AS "isUnwanted"
         FROM mails m LEFT JOIN users u ON u.id = m.user_id WHERE m.id = $1`,
      [id, categories],
    );
    return mail;
  }

  /** Before each attempt. */
  async countAttempt(id: string): Promise<void> {
    await query(this.database, `UPDATE mails SET attempts = attempts + 1 WHERE id = $1`, [id]);
  }

  /** In the transaction that ends the task. An address that takes mails is not bad any more. */
  async markSent(tx: Transaction, mail: KeptMail, response: number | undefined): Promise<void> {
    await tx.query(
      `UPDATE mails SET state = 'sent', sent_at = now(), last_response = $2, address = NULL, "values" = '{}'
        WHERE id = $1`,
      [mail.id, response ?? null],
    );
    await tx.query(
      `UPDATE users SET email_refused_at = NULL
        WHERE id = $1 AND email = $2 AND email_refused_at IS NOT NULL`,
      [mail.userId, mail.address],
    );
  }

  async markSuppressed(tx: Transaction, id: string): Promise<void> {
    await tx.query(
      `UPDATE mails SET state = 'suppressed', address = NULL, "values" = '{}'
        WHERE id = $1 AND state = 'queued'`,
      [id],
    );
  }

  /** It is tried again. */
  async noteResponse(id: string, response: number | undefined): Promise<void> {
    await query(this.database, `UPDATE mails SET last_response = $2 WHERE id = $1`, [
      id,
      response ?? null,
    ]);
  }

  async markFailed(id: string, response: number | undefined): Promise<void> {
    await query(
      this.database,
      `UPDATE mails SET state = 'failed', last_response = $2, address = NULL, "values" = '{}'
        WHERE id = $1 AND state = 'queued'`,
      [id, response ?? null],
    );
  }

  /** Nothing but what the user has asked for is sent there from now on. */
  async flagAddress({ userId, address }: KeptMail): Promise<void> {
    await query(
      this.database,
      `UPDATE users SET email_refused_at = now()
        WHERE id = $1 AND email = $2 AND email_refused_at IS NULL`,
      [userId, address],
    );
  }
}
