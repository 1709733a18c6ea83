import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';

const next = z.string().max(2000).optional();

export const loginQuery = z.object({ next });
export type LoginQuery = z.output<typeof loginQuery>;

/** Either a key, or an address with its password. What is no address at all is one that nobody has. */
export const loginForm = z
  .strictObject({
    key: z.string().trim().max(200).optional(),
    email: z
      .string()
      .trim()
      .max(254)
      .refine(isStorable, 'contains a NUL or a broken character')
      .toLowerCase()
      .optional(),
    password: z.string().max(200).optional(),
    next,
  })
  .refine(
    ({ key, email, password }) =>
      (key === undefined) === (email !== undefined) &&
      (email === undefined) === (password === undefined),
    'needs either a key, or an address and a password',
  );
export type LoginForm = z.output<typeof loginForm>;
