import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';
import { defineSchedule } from '../../tasks/schedules/schedule-definition.js';

/** Most pictures that are removed in one transaction, so that the list of their objects fits a task. */
export const removalBatch = 200;

/** Deletes the objects of pictures and files that were removed. An outage of the storage only delays it. */
export const deleteObjectsTask = defineTask({
  name: 'delete_objects_task',
  queue: 'low_priority',
  payload: z.strictObject({
    keys: z
      .array(z.string().regex(/^(images|files|uploads)\/[\w./-]{1,200}$/))
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

/**
 * Deletes objects of pictures and files that no longer exist, and sends the upload of what nobody is going to store:
 * somebody has revoked it, or purged its queue.
 */
export const collectObjectsTask = defineTask({
  name: 'collect_objects_task',
  queue: 'low_priority',
  payload: z.null(),
  result: z.strictObject({ seen: z.int(), deleted: z.int(), resent: z.int() }),
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
