import { z } from 'zod';
import { defineTask } from '../../src/tasks/definitions/task-definition.js';

export const noOpTask = defineTask({
  name: 'bench_no_op_task',
  queue: 'normal_priority',
  payload: z.strictObject({ n: z.int() }),
  result: z.null(),
});

/** A step of a chain: one more than the step before. */
export const countTask = defineTask({
  name: 'bench_count_task',
  queue: 'normal_priority',
  payload: z.strictObject({ n: z.int() }),
  result: z.int(),
});

/** The body of a chord. */
export const bodyTask = defineTask({
  name: 'bench_body_task',
  queue: 'normal_priority',
  payload: z.array(z.null()),
  result: z.int(),
});

/** Runs until it is told to stop, and prints {@link stoppedLine} then. */
export const endlessTask = defineTask({
  name: 'bench_endless_task',
  queue: 'normal_priority',
  payload: z.strictObject({}),
  result: z.null(),
});

/** `atMs`: when the signal fired, by the wall clock. */
export function stoppedLine(taskId: string, atMs: number | string): string {
  return `stopped ${taskId} at ${atMs}`;
}
