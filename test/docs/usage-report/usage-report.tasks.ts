import { z } from 'zod';
import { defineSchedule } from '../../../src/tasks/schedules/schedule-definition.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { taskErrorReport } from '../../../src/tasks/definitions/task-errors.js';

const dayCount = z.strictObject({ day: z.iso.date(), sent: z.int(), failed: z.int() });

/** Counts the tasks of one day. */
export const countTasksTask = defineTask({
  name: 'count_tasks',
  queue: 'low_priority',
  payload: z.strictObject({ day: z.iso.date() }),
  result: dayCount,
  retry: { max: 5, delayMs: 2_000, backoff: 'exponential', maxDelayMs: 60_000, jitter: 0.3 },
  softTimeLimitMs: 20_000,
  hardTimeLimitMs: 30_000,
  rateLimit: { limit: 10, perMs: 1_000 },
});

/** Keeps the counts of all days as a report. */
export const writeReportTask = defineTask({
  name: 'write_usage_report',
  queue: 'low_priority',
  payload: z.strictObject({ title: z.string(), counts: z.array(dayCount) }),
  result: z.strictObject({ report_id: z.uuid() }),
});

/** Writes the line that an alarm looks for. */
export const tellOperatorsTask = defineTask({
  name: 'tell_operators',
  queue: 'normal_priority',
  payload: taskErrorReport,
  result: z.null(),
});

/** A report about the last days. @returns id of the chord that makes it */
export const usageReportTask = defineTask({
  name: 'usage_report',
  queue: 'low_priority',
  payload: z.strictObject({ days: z.int().min(1).max(31) }),
  result: z.strictObject({ chord_id: z.uuid() }),
  once: { key: ({ days }) => `${days} days`, ttlMs: 3_600_000 },
});

export const weeklyUsageReport = defineSchedule(usageReportTask, {
  name: 'weekly_usage_report',
  cron: '0 6 * * mon',
  timeZone: 'Europe/Berlin',
  payload: { days: 7 },
  misfire: 'one',
});
