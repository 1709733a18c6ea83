import { Inject, Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { sendEmailTask } from './email.tasks.js';
import type { Language } from './languages.js';
import { mailTemplates, type MailCategory, type MailContent } from './mail-templates.js';
import { messageIdOf } from './message-id.js';

/** To a user, or to an address that is nobody's account. */
export type Recipient = { userId: string } | { address: string; language?: Language | null };

export type NewMail = MailContent &
  Recipient & {
    /** What the mail is about, usually the id of a task: at most one mail of a template is ever sent for it. */
    key: string;
    /** Id of the mail, and of the task that sends it: a version 7 UUID. Default: a new one. */
    id?: string;
  };

/** Of the recipient. */
interface Wishes {
  language: Language | null;
  /** Why nothing is sent; null: it is. */
  unwanted: boolean;
}

/** Mails to send. There is no other way to send one of the templates. */
@Injectable()
export class MailOutbox {
  constructor(
    private readonly tasks: TaskClient,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'mailFrom' | 'mailLanguage'>,
  ) {}

  /**
   * Has a mail sent, after the caller's transaction is committed. Nothing happens if there is one of this template for
   * the key already, or if the user has no address. A mail that the user does not want is kept as `suppressed`.
   *
   * @returns id of the mail and of the task that sends it; undefined: none is sent
   */
  async add(tx: Transaction, mail: NewMail): Promise<string | undefined> {
    const { template, key, id = uuidv7() } = mail;
    const { category, values: schema } = mailTemplates[template];
    const values = schema.parse(mail.values);
    const user = 'userId' in mail ? mail.userId : null;
    const address = 'address' in mail ? mail.address : null;
    const wishes = await wishesOf(tx, mail, category);
    if (wishes === undefined) return undefined;
    const added = await rows(
      tx,
      `INSERT INTO mails (id, template, key, user_id, address, language, "values", message_id, state)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING RETURNING id`,
      [
        id,
        template,
        key,
        user,
        address,
        wishes.language ?? this.settings.mailLanguage,
        JSON.stringify(values),
        messageIdOf(id, this.settings.mailFrom),
        wishes.unwanted ? 'suppressed' : 'queued',
      ],
    );
    if (added.length === 0 || wishes.unwanted) return undefined;
    // Somebody waits for a mail about the account.
    const priority = category === null ? 3 : 6;
    await this.tasks.send(tx, sendEmailTask, { mail_id: id }, { id, priority });
    return id;
  }
}

/** @returns undefined when there is nobody to write to */
async function wishesOf(
  tx: Transaction,
  recipient: Recipient,
  category: MailCategory | null,
): Promise<Wishes | undefined> {
  if ('address' in recipient) return { language: recipient.language ?? null, unwanted: false };
  const [wishes] = await rows<Wishes>(
    tx,
    `SELECT language, $2::text IS NOT NULL AND (email_refused_at IS NOT NULL OR $2 = ANY(mail_off))
            AS unwanted
       FROM users WHERE id = $1 AND email IS NOT NULL AND deleted_at IS NULL`,
    [recipient.userId, category],
  );
  return wishes;
}
