import { z } from 'zod';
import { defineEvent } from '../pipelines/event-type.js';

/** No address and no token: those stay in their tables. */
export const lifecycle = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('registered'),
    link_id: z.uuid().describe('The link that confirms the address.'),
    mail_id: z.uuid().describe('The mail to be, and the task that sends it.'),
  }),
  z.strictObject({ kind: z.literal('verified') }),
  z.strictObject({
    kind: z.literal('credits_low'),
    balance: z.int(),
    entry: z.string().describe('The newest entry in the ledger, which names this time.'),
  }),
]);
export type Lifecycle = z.output<typeof lifecycle>;
export type LifecycleKind = Lifecycle['kind'];

export const userLifecycleEvent = defineEvent({
  type: 'user_lifecycle',
  description:
    'Somebody has registered, a user has confirmed the address, or has few credits left.',
  data: lifecycle,
  from: 'darkroom',
});
