import type { MailTemplate } from './email.tasks.js';

interface MailText {
  subject: string;
  body: (link: string) => string;
}

const ifNotYou = 'If it was not you, ignore this mail: nothing happens without the link.';

/** Every mail, as plain text. */
export const mailTexts: Record<MailTemplate, MailText> = {
  verify: {
    subject: 'Confirm your e-mail address',
    body: (link) => `Welcome to Darkroom!

Somebody has registered with this address. To confirm it, open this link within a day:

${link}

${ifNotYou}
`,
  },
  already_registered: {
    subject: 'You are registered already',
    body: () => `Somebody has tried to register with this address, which has an account on Darkroom already.

If it was you, sign in, or ask for a new password if you have forgotten yours. If it was not you, ignore this mail.
`,
  },
  reset: {
    subject: 'A new password',
    body: (
      link,
    ) => `Somebody has asked for a new password for your account on Darkroom. To choose one, open this link
within an hour:

${link}

${ifNotYou}
`,
  },
  password_changed: {
    subject: 'Your password was changed',
    body: () => `The password of your account on Darkroom was changed, and every login has ended.

If it was not you, ask for a new password at once.
`,
  },
  account_deleted: {
    subject: 'Your account was deleted',
    body: () => `Your account on Darkroom was deleted, with its pictures.
`,
  },
};
