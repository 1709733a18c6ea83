import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';

/** Follows the end of each generation: what users are told of it, and what is kept of it. */
export const generationEndedTask = defineTask({
  name: 'generation_ended_task',
  queue: 'low_priority',
  chore: true,
  // Before the mails and webhooks that it sends.
  priority: 3,
  payload: z.strictObject({ task_id: z.uuid() }),
  result: z.null(),
  // It only writes to the database.
  retry: { max: 100, delayMs: 1_000, backoff: 'exponential', maxDelayMs: 600_000, jitter: 0.2 },
});
