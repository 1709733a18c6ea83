import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';

/** What users can switch off. The other mails are about the account itself. */
export const MAIL_CATEGORIES = ['pictures', 'credits'] as const;
export type MailCategory = (typeof MAIL_CATEGORIES)[number];

const longestText = 200;

/** What somebody wrote, on one line, and cut to what a mail quotes. */
const quoted = z
  .string()
  .max(10_000)
  .refine(isStorable, 'contains a NUL or a broken character')
  .transform((text) => {
    const letters = Array.from(text.replaceAll(/\s+/g, ' ').trim());
    if (letters.length <= longestText) return letters.join('');
    return `${letters.slice(0, longestText - 1).join('')}…`;
  });

const nothing = z.strictObject({});
/** Id of the link in the mail. The link itself is in no table and no queue. */
const withLink = z.strictObject({ link_id: z.uuid() });

interface About<V extends z.ZodType> {
  /** Null: it is about the account, and always sent. */
  category: MailCategory | null;
  /** What the mail is made of; kept in the outbox until it is sent. */
  values: V;
}

const about = <V extends z.ZodType>(category: MailCategory | null, values: V): About<V> => ({
  category,
  values,
});

/** Every mail that Darkroom sends. Its words are in the files of this name, below `templates`. */
export const mailTemplates = {
  verify: about(null, withLink),
  already_registered: about(null, nothing),
  welcome: about(null, nothing),
  reset: about(null, withLink),
  password_changed: about(null, nothing),
  account_deleted: about(null, nothing),
  picture_ready: about('pictures', z.strictObject({ image_id: z.uuid(), prompt: quoted })),
  picture_failed: about('pictures', z.strictObject({ prompt: quoted, reason: quoted })),
  picture_refused: about('pictures', z.strictObject({ prompt: quoted, reason: quoted })),
  credits_low: about('credits', z.strictObject({ balance: z.int() })),
};

export type MailTemplate = keyof typeof mailTemplates;
export const MAIL_TEMPLATES = Object.keys(mailTemplates) as MailTemplate[];

/** A template with what it needs. */
export type MailContent = {
  [T in MailTemplate]: { template: T; values: z.input<(typeof mailTemplates)[T]['values']> };
}[MailTemplate];
