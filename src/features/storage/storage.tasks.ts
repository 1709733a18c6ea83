import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';

/**
 * Moves a picture, which gets a thumbnail, or a file from the spool to object storage.
 *
 * An outage of the storage must not lose anything, so it is waited for, however long it takes: no retry is counted. A
 * storage that works except for this one object is tried again, in the end every ten minutes, for about a year.
 */
export const uploadToCloudTask = defineTask({
  name: 'upload_to_cloud_task',
  queue: 'normal_priority',
  chore: true,
  payload: z.union([z.strictObject({ image_id: z.uuid() }), z.strictObject({ file_id: z.uuid() })]),
  result: z
    .strictObject({ object_key: z.string(), thumbnail_key: z.string().optional() })
    .nullable(),
  retry: { max: 50_000, delayMs: 5_000, backoff: 'exponential', maxDelayMs: 600_000, jitter: 0.2 },
  // Two objects and a look whether the storage is away, each with its own deadline.
  softTimeLimitMs: 240_000,
  hardTimeLimitMs: 270_000,
});
