import { z } from 'zod';
import { defineTask } from '../../tasks/task-definition.js';

/**
 * Moves one picture from the spool to object storage, with a thumbnail.
 *
 * An outage of the storage must not lose a picture that exists, so this one does not give up: every
 * ten minutes in the end, for about a year.
 */
export const uploadToCloudTask = defineTask({
  name: 'upload_to_cloud_task',
  queue: 'normal_priority',
  payload: z.strictObject({ image_id: z.uuid() }),
  result: z.strictObject({ object_key: z.string(), thumbnail_key: z.string() }).nullable(),
  retry: { max: 50_000, delayMs: 5_000, backoff: 'exponential', maxDelayMs: 600_000, jitter: 0.2 },
  softTimeLimitMs: 120_000,
  hardTimeLimitMs: 150_000,
});
