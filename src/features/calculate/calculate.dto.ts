import { z } from 'zod';
import { term } from './calculate.tasks.js';

/** A query is text; anything but digits is left as it is, for the schema to refuse. */
const termInQuery = z.preprocess(
  (value) => (typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value),
  term,
);

export const calculateQuery = z.strictObject({ x: termInQuery, y: termInQuery });
export type CalculateQuery = z.output<typeof calculateQuery>;

export const calculateAnswer = z.strictObject({ message: z.string(), task_id: z.uuid() });
export type CalculateAnswer = z.output<typeof calculateAnswer>;
