import { z } from 'zod';

/** A query parameter is text: digits become a number, and anything else goes on to `schema`, which refuses it. */
export function numberInQuery<T extends z.ZodType>(schema: T) {
  return z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value),
    schema,
  );
}
