import { z } from 'zod';
import { defineTask } from '../../src/tasks/task-definition.js';

export const noOpTask = defineTask({
  name: 'bench_no_op_task',
  queue: 'normal_priority',
  payload: z.strictObject({ n: z.int() }),
  result: z.null(),
});
