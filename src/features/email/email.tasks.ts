import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { defineTask } from '../../tasks/definitions/task-definition.js';
import { emailAddress } from './email-address.js';

const text = (longest: number) =>
  z.string().min(1).max(longest).refine(isStorable, 'contains a NUL or a broken character');

/** A mail of the outbox. */
const keptMail = z.strictObject({ mail_id: z.uuid() });
/** Any mail, as plain text: the original's arguments. The address is in the task's row, so Darkroom itself does not use it. */
const plainMail = z.strictObject({
  email_to: emailAddress,
  subject: text(300),
  body: text(20_000),
});

/**
 * Sends a mail: one of the outbox, which {@link MailOutbox} has sent here, or any other.
 *
 * Failure window: the server has taken the mail, and the worker dies before it knows. Then the next attempt sends it
 * again, with the same Message-ID.
 */
export const sendEmailTask = defineTask({
  name: 'send_email_task',
  queue: 'low_priority',
  chore: true,
  args: ['email_to', 'subject', 'body'],
  payload: z.union([keptMail, plainMail]),
  result: z.union([
    z.strictObject({ status: z.enum(['success', 'suppressed']), mail_id: z.uuid() }),
    z.strictObject({ status: z.literal('success'), email: z.string() }),
  ]),
  // As mail servers do: after a minute, then twice as long each time up to four hours, for about five days.
  retry: {
    max: 40,
    delayMs: 60_000,
    backoff: 'exponential',
    maxDelayMs: 14_400_000,
    jitter: 0.2,
  },
  softTimeLimitMs: 180_000,
  hardTimeLimitMs: 200_000,
});

/** A mail of the outbox that could not be sent for so long has failed. Days. */
export const giveUpDays = 4;
