import { z } from 'zod';
import { term } from './calculate.tasks.js';

/** A query parameter is text; anything but digits is passed on unchanged, and the schema refuses it. */
const termInQuery = z.preprocess(
  (value) => (typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value),
  term,
);

export const calculateQuery = z.strictObject({
  x: termInQuery.meta({ example: 2 }),
  y: termInQuery.meta({ example: 3 }),
});
export type CalculateQuery = z.output<typeof calculateQuery>;

export const calculateAnswer = z.strictObject({ message: z.string(), task_id: z.uuid() });
export type CalculateAnswer = z.output<typeof calculateAnswer>;
