import { z } from 'zod';
import { defineSchedule } from '../../tasks/schedules/schedule-definition.js';
import { defineTask } from '../../tasks/task-definition.js';

/** Their results are for whoever looks at once. Milliseconds. */
const resultExpiresMs = 600_000;

/** Drops the results of tasks that have expired. @returns how many */
export const sweepExpiredResultsTask = defineTask({
  name: 'sweep_expired_results_task',
  queue: 'low_priority',
  payload: z.null(),
  result: z.int(),
  resultExpiresMs,
  // The next tick does it.
  retry: { max: 0 },
});

export const sweepExpiredResults = defineSchedule(sweepExpiredResultsTask, {
  name: 'sweep_expired_results',
  everyMs: 60_000,
  payload: null,
  // While nobody serves the queue, they do not pile up.
  expiresInMs: 60_000,
});

/** Deletes what is older than its period of retention. @returns how many rows of each kind */
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
