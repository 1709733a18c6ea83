import { z } from 'zod';
import { numberInQuery } from '../../infrastructure/http/number-in-query.js';
import type { ListedUser } from './users.js';

const maxPage = 200;

export const userListQuery = z.strictObject({
  limit: numberInQuery(z.int().min(1).max(maxPage).default(50)).describe(
    `Most users in one answer; at most ${maxPage}.`,
  ),
  cursor: z.uuid().optional().describe('`next_cursor` of the answer before.'),
});
export type UserListQuery = z.output<typeof userListQuery>;

export const shownUser = z.strictObject({
  id: z.uuid(),
  name: z.string(),
  email: z.string().nullable().describe('null: signs in with keys only.'),
  role: z.enum(['admin', 'user']),
  plan: z.string(),
  balance: z.int().nullable().describe('Credits; null: the user has asked for nothing yet.'),
  created_at: z.iso.datetime(),
});
export type ShownUser = z.output<typeof shownUser>;

export const userList = z.strictObject({
  users: z.array(shownUser).describe('The newest first.'),
  next_cursor: z.uuid().nullable().describe('null: there are no more.'),
});
export type UserList = z.output<typeof userList>;

export const userChange = z
  .strictObject({ plan: z.string().min(1).max(40).describe('The name of a plan in PLANS.') })
  .meta({ example: { plan: 'standard' } });
export type UserChange = z.output<typeof userChange>;

export function shownUserOf({ createdAt, ...user }: ListedUser): ShownUser {
  return { ...user, created_at: createdAt.toISOString() };
}
