import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import type { Plan } from '../../config/variables/credits.js';
import { numberInQuery } from '../../infrastructure/http/number-in-query.js';
import type { Account } from './credit-accounts.js';
import { ENTRY_KINDS, type CreditEntry } from './credit-statements.js';

const maxPage = 200;
const mostCredits = 1_000_000_000;

export const statementQuery = z.strictObject({
  limit: numberInQuery(z.int().min(1).max(maxPage).default(50)).describe(
    `Most entries in one answer; at most ${maxPage}.`,
  ),
  cursor: numberInQuery(z.int().min(1).optional()).describe('`next_cursor` of the answer before.'),
});
export type StatementQuery = z.output<typeof statementQuery>;

const entry = z.strictObject({
  id: z.int(),
  at: z.iso.datetime(),
  kind: z
    .enum(ENTRY_KINDS)
    .describe(
      '`grant` and `refund` add to the balance, and `hold` takes from it. When the task is over, `capture` is what it cost, and `release` goes back to the balance.',
    ),
  amount: z.int().describe('Credits. Below zero only in a grant that takes back.'),
  task_id: z.uuid().nullable(),
  note: z.string().nullable(),
});

const limit = z.int().nullable().describe('null: no limit.');

export const statement = z.strictObject({
  balance: z.int().describe('Credits that you may spend.'),
  held: z.int().describe('Credits of tasks that are not over.'),
  plan: z.strictObject({
    name: z.string(),
    monthly_credits: z.int(),
    requests_per_minute: limit,
    queued: limit,
    running: limit,
    images_per_day: limit,
    picture_retention_days: z
      .int()
      .nullable()
      .describe('Older pictures are deleted, unless they are favourites; null: none are.'),
    priority: z.enum(['high', 'normal', 'low']).describe('The highest that you may ask for.'),
  }),
  used: z.strictObject({
    queued: z.int().describe('Generations that are not over.'),
    images_today: z.int().describe('Images asked for today, UTC.'),
  }),
  entries: z.array(entry).describe('The newest first.'),
  next_cursor: z.int().nullable().describe('null: there are no more.'),
});
export type Statement = z.output<typeof statement>;

const note = z
  .string()
  .trim()
  .min(1)
  .max(200)
  .refine(isStorable, 'contains a NUL or a broken character')
  .optional()
  .describe('The user can read it.');

export const grantRequest = z
  .strictObject({
    amount: z
      .int()
      .min(-mostCredits)
      .max(mostCredits)
      .refine((amount) => amount !== 0, 'is 0')
      .describe('Credits; below zero to take some back.'),
    reference: z
      .string()
      .regex(/^[\x21-\x7e]{1,100}$/, 'must be 1 to 100 printable ASCII characters')
      .refine((text) => text !== 'start' && !text.startsWith('month:'), 'is one of Darkroom’s own')
      .optional()
      .describe('For example the number of an invoice. A user gets only one grant of a reference.'),
    note,
  })
  .meta({ example: { amount: 100, note: 'thank you' } });
export type GrantRequest = z.output<typeof grantRequest>;

export const grantAnswer = z.strictObject({
  granted: z.boolean().describe('false: a grant with this reference had been made before.'),
  balance: z.int(),
});
export type GrantAnswer = z.output<typeof grantAnswer>;

export const refundRequest = z
  .strictObject({ note })
  .default({})
  .meta({ example: { note: 'the picture was spoiled' } });
export type RefundRequest = z.output<typeof refundRequest>;

export const refundAnswer = z.strictObject({
  user_id: z.uuid(),
  refunded: z.int().describe('Credits.'),
});
export type RefundAnswer = z.output<typeof refundAnswer>;

export function statementOf(
  account: Account,
  plan: Plan,
  entries: CreditEntry[],
  most: number,
): Statement {
  const page = entries.slice(0, most);
  const { starting_credits: _, ...limits } = plan;
  return {
    balance: account.balance,
    held: account.held,
    plan: { name: account.plan, ...limits },
    used: { queued: account.openTasks, images_today: imagesToday(account) },
    entries: page.map(({ at, taskId, ...rest }) => ({
      ...rest,
      at: at.toISOString(),
      task_id: taskId,
    })),
    next_cursor: entries.length > most ? page.at(-1)!.id : null,
  };
}

function imagesToday({ day, dayImages, now }: Account): number {
  return day === now.toISOString().slice(0, 10) ? dayImages : 0;
}
