import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';

/** Bounded, so that the sum of two terms is exact in JSON. */
export const term = z.int('must be an integer').min(-1e15).max(1e15);

export const addNumbersTask = defineTask({
  name: 'add_numbers',
  queue: 'normal_priority',
  args: ['x', 'y'],
  payload: z.strictObject({ x: term, y: term }),
  result: z.int(),
});
