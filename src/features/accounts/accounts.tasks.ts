import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';

/** Deletes what a deleted user has left: tasks, pictures and the row itself. */
export const deleteAccountTask = defineTask({
  name: 'delete_account_task',
  queue: 'low_priority',
  payload: z.strictObject({ user_id: z.uuid() }),
  result: z.strictObject({ images: z.int(), tasks: z.int() }),
  // Running tasks of the user must end first, and the storage may be away.
  retry: { max: 100_000, delayMs: 2_000, backoff: 'exponential', maxDelayMs: 600_000, jitter: 0.2 },
});
