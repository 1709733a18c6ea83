import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';
import { defineSchedule } from '../../tasks/schedules/schedule-definition.js';

/** Most pictures that are removed in one transaction, so that the list of their objects fits a task. */
export const removalBatch = 200;

/**
 * Moves one picture from the spool to object storage, with a thumbnail.
 *
 * A storage outage must not lose a finished picture, so this task keeps trying: in the end every ten minutes,
 * for about a year.
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

/** Deletes the objects of pictures that were removed. An outage of the storage only delays it. */
export const deleteObjectsTask = defineTask({
  name: 'delete_objects_task',
  queue: 'low_priority',
  payload: z.strictObject({
    keys: z
      .array(z.string().regex(/^images\/[\w./-]{1,200}$/))
      .min(1)
      .max(2 * removalBatch),
  }),
  result: z.strictObject({ deleted: z.int() }),
  retry: { max: 50_000, delayMs: 5_000, backoff: 'exponential', maxDelayMs: 600_000, jitter: 0.2 },
});

/** Removes pictures that are older than the plan of their owner keeps them. */
export const deleteOldPicturesTask = defineTask({
  name: 'delete_old_pictures_task',
  queue: 'low_priority',
  payload: z.null(),
  result: z.strictObject({ deleted: z.int() }),
});

export const deleteOldPictures = defineSchedule(deleteOldPicturesTask, {
  name: 'delete_old_pictures',
  cron: '0 3 * * *',
  payload: null,
  misfire: 'one',
});

/** Deletes objects of pictures that no longer exist. */
export const collectObjectsTask = defineTask({
  name: 'collect_objects_task',
  queue: 'low_priority',
  payload: z.null(),
  result: z.strictObject({ seen: z.int(), deleted: z.int() }),
  // A bucket may hold millions of objects.
  softTimeLimitMs: 3_000_000,
  hardTimeLimitMs: 3_600_000,
});

export const collectObjects = defineSchedule(collectObjectsTask, {
  name: 'collect_objects',
  cron: '15 4 * * *',
  payload: null,
  misfire: 'one',
});
