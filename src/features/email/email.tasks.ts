import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';
import { emailAddress } from './email-address.js';

export const MAIL_TEMPLATES = [
  'verify',
  'already_registered',
  'reset',
  'password_changed',
  'account_deleted',
] as const;
export type MailTemplate = (typeof MAIL_TEMPLATES)[number];

/** Sends a mail. The mails that have a link name it by its id: the link itself is in no table and no queue. */
export const sendEmailTask = defineTask({
  name: 'send_email_task',
  queue: 'low_priority',
  payload: z.strictObject({
    email_to: emailAddress,
    template: z.enum(MAIL_TEMPLATES),
    link_id: z.uuid().optional(),
  }),
  result: z.strictObject({ status: z.literal('sent'), message_id: z.string() }),
  // A mail server may be away for a day.
  retry: { max: 12, delayMs: 10_000, backoff: 'exponential', maxDelayMs: 14_400_000, jitter: 0.2 },
});
