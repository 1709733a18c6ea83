import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';

/** Deletes what a deleted user has left: tasks, pictures and the row itself. */
export const deleteAccountTask = defineTask({
  name: 'delete_account_task',
  queue: 'low_priority',
  payload: z.strictObject({ user_id: z.uuid() }),
  result: z.strictObject({ images: z.int(), files: z.int(), tasks: z.int() }),
  // Running tasks of the user must end first, and the storage may be away.
  retry: { max: 100_000, delayMs: 2_000, backoff: 'exponential', maxDelayMs: 600_000, jitter: 0.2 },
});

/**
 * Sends a link for a new password, if the address is registered. A task, so that the request takes as long for an
 * unknown address. The address is in the row of the request, which the task deletes.
 */
export const forgotPasswordTask = defineTask({
  name: 'forgot_password_task',
  queue: 'low_priority',
  payload: z.strictObject({ request_id: z.uuid() }),
  result: z.null(),
});
