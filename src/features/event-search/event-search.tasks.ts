import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';
import { defineSchedule } from '../../tasks/schedules/schedule-definition.js';

/** A year: longer than any outage. Milliseconds. */
export const indexingPatienceMs = 365 * 86_400_000;

/** Brings the index of Elasticsearch up to date with the documents. An outage only delays it. */
export const indexEventsTask = defineTask({
  name: 'index_events_task',
  queue: 'low_priority',
  payload: z.null(),
  result: z.strictObject({ indexed: z.int(), removed: z.int(), refused: z.int() }),
  once: { ttlMs: indexingPatienceMs },
  // Elasticsearch gets one bulk request at a time.
  concurrencyLimit: { limit: 1 },
  resultExpiresMs: 600_000,
  retry: { max: 50_000, delayMs: 5_000, backoff: 'exponential', maxDelayMs: 600_000, jitter: 0.2 },
});

/** Removes what was deleted since, and makes up for a task that somebody has revoked. */
export const indexEvents = defineSchedule(indexEventsTask, {
  name: 'index_events',
  cron: '40 * * * *',
  payload: null,
  misfire: 'one',
});
