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
};

export interface AccountsEnvironment {
  /** Undefined: it is in the file secret.key. */
  secretKey: string | undefined;
  registrationOpen: boolean;
  /** Undefined: mails become files. */
  smtpUrl: string | undefined;
  mailFrom: string;
}

export function accountsEnvironment(v: Values<typeof accountsVariables>): AccountsEnvironment {
  return {
    secretKey: v.SECRET_KEY,
    registrationOpen: v.REGISTRATION === 'open',
    smtpUrl: v.SMTP_URL,
    mailFrom: v.MAIL_FROM,
  };
}
