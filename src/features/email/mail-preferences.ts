import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { NotFoundError } from '../../common/app-error.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { query } from '../../infrastructure/database/transaction.js';
import { language, type Language } from './languages.js';
import { MAIL_CATEGORIES } from './mail-templates.js';
import type { Subscription } from './unsubscribe-tokens.js';

export const mailPreferences = z.strictObject({
  pictures: z.boolean().describe('Mails about pictures that are ready, or could not be made.'),
  credits: z.boolean().describe('Mails when few credits are left.'),
  language: language.describe('Of all mails.'),
  address_refused_at: z.iso
    .datetime()
    .nullable()
    .describe('When a mail server last said that the address does not exist; null: it works.'),
});
export type ShownMailPreferences = z.output<typeof mailPreferences>;

export const mailPreferencesChange = mailPreferences
  .omit({ address_refused_at: true })
  .partial()
  .meta({ example: { pictures: false, language: 'ru' } });
export type MailPreferencesChange = z.output<typeof mailPreferencesChange>;

interface Kept {
  off: string[];
  language: Language | null;
  refusedAt: Date | null;
}

/** What users want to be written about. It holds for mails that are on their way too. */
@Injectable()
export class MailPreferences {
  constructor(
    private readonly database: DataSource,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'mailLanguage'>,
  ) {}

  /** @throws NotFoundError */
  async of(userId: string): Promise<ShownMailPreferences> {
    const [kept] = await query<Kept>(
      this.database,
      `SELECT mail_off AS off, language, email_refused_at AS "refusedAt" FROM users
        WHERE id = $1 AND deleted_at IS NULL`,
      [userId],
    );
    // Deleted meanwhile.
    if (!kept) throw new NotFoundError('user');
    return {
      pictures: !kept.off.includes('pictures'),
      credits: !kept.off.includes('credits'),
      language: kept.language ?? this.settings.mailLanguage,
      address_refused_at: kept.refusedAt?.toISOString() ?? null,
    };
  }

  /** @throws NotFoundError */
  async change(userId: string, change: MailPreferencesChange): Promise<ShownMailPreferences> {
    const named = (wanted: boolean) => MAIL_CATEGORIES.filter((one) => change[one] === wanted);
    await query(
      this.database,
      `UPDATE users SET language = coalesce($2, language),
              mail_off = ARRAY(SELECT unnest(mail_off || $3::text[]) EXCEPT SELECT unnest($4::text[]))
        WHERE id = $1`,
      [userId, change.language ?? null, named(false), named(true)],
    );
    return this.of(userId);
  }

  /** With the token of a mail. A user who has gone gets no mails anyway. */
  async switchOff({ userId, category }: Subscription): Promise<void> {
    await query(
      this.database,
      `UPDATE users SET mail_off = mail_off || $2::text WHERE id = $1 AND NOT $2 = ANY(mail_off)`,
      [userId, category],
    );
  }

  /** For pages about a user's mails. */
  async languageOf(userId: string): Promise<Language> {
    const [user] = await query<{ language: Language | null }>(
      this.database,
      `SELECT language FROM users WHERE id = $1`,
      [userId],
    );
    return user?.language ?? this.settings.mailLanguage;
  }
}
