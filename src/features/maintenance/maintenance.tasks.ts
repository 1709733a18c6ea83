import { z } from 'zod';
import { defineSchedule } from '../../tasks/schedules/schedule-definition.js';
import { defineTask } from '../../tasks/definitions/task-definition.js';

/** Results of these tasks are kept only briefly. Milliseconds. */
const resultExpiresMs = 600_000;

/** Drops the results of tasks that have expired. @returns how many */
export const sweepExpiredResultsTask = defineTask({
  name: 'sweep_expired_results_task',
  queue: 'low_priority',
  payload: z.null(),
  result: z.int(),
  resultExpiresMs,
  // The next run makes up for it.
  retry: { max: 0 },
});

export const sweepExpiredResults = defineSchedule(sweepExpiredResultsTask, {
  name: 'sweep_expired_results',
  everyMs: 60_000,
  payload: null,
  // Runs do not pile up while no worker serves the queue.
  expiresInMs: 60_000,
});

/** Deletes rows older than their retention period. @returns how many rows of each kind */
export const deleteOldDataTask = defineTask({
  name: 'delete_old_data_task',
  queue: 'low_priority',
  payload: z.null(),
  result: z.record(z.string(), z.int()),
  resultExpiresMs,
});

export const deleteOldData = defineSchedule(deleteOldDataTask, {
  name: 'delete_old_data',
  cron: '30 3 * * *',
  payload: null,
  misfire: 'one',
});
