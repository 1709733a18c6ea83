import { z } from 'zod';
import { url } from '../environment-values.js';
import { variable, type Values } from './variable.js';

const address = z.string().regex(/^[^\r\n<>]{0,100}<?[^\s<>@]+@[^\s<>@]+>?$/, 'is no address');

export const accountsVariables = {
  SECRET_KEY: variable(z.string().min(32, 'has fewer than 32 characters').optional(), {
    description:
      'Signs access tokens and the links in mails; all processes need the same. Default: the file secret.key in DARKROOM_DATA_DIR, made at the first start.',
    // Too short to be used as it stands.
    example: 'openssl rand -base64 48',
    secret: true,
  }),
  REGISTRATION: variable(z.enum(['open', 'closed']).default('open'), {
    description: 'open: anybody may register; closed: only admins make users.',
    example: 'closed',
  }),
  SMTP_URL: variable(url('mail server', 'smtp', 'smtps').optional(), {
    description:
      'Mail server. Without it, mails are written as .eml files into the folder mail in DARKROOM_DATA_DIR.',
    example: 'smtps://user:password@mail.example.com:465',
    secret: true,
  }),
  MAIL_FROM: variable(address.default('Darkroom <darkroom@localhost>'), {
    description: 'The sender of mails.',
    example: 'Darkroom <no-reply@example.com>',
  }),
  MAIL_LANGUAGE: variable(z.enum(['en', 'ru']).default('en'), {
    description: 'Language of mails to users who have chosen none: en or ru.',
    example: 'ru',
  }),
  MAIL_PICTURE_URL: variable(url('web', 'http', 'https').optional(), {
    description:
      'Where the button of a mail about a picture leads; {image_id} stands for the picture. Default: the picture itself.',
    example: 'https://pictures.example.com/{image_id}',
  }),
};

export interface AccountsEnvironment {
  /** Undefined: it is in the file secret.key. */
  secretKey: string | undefined;
  registrationOpen: boolean;
  /** Undefined: mails become files. */
  smtpUrl: string | undefined;
  mailFrom: string;
  mailLanguage: 'en' | 'ru';
  /** Has `{image_id}` in it. Undefined: the API's own address of the picture. */
  mailPictureUrl: string | undefined;
}

export function accountsEnvironment(v: Values<typeof accountsVariables>): AccountsEnvironment {
  return {
    secretKey: v.SECRET_KEY,
    registrationOpen: v.REGISTRATION === 'open',
    smtpUrl: v.SMTP_URL,
    mailFrom: v.MAIL_FROM,
    mailLanguage: v.MAIL_LANGUAGE,
    mailPictureUrl: v.MAIL_PICTURE_URL,
  };
}
