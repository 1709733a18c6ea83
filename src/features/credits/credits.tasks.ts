import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';
import { defineSchedule } from '../../tasks/schedules/schedule-definition.js';

/** Grants the month's credits to users who do not have them yet. @returns to how many */
export const grantMonthlyCreditsTask = defineTask({
  name: 'grant_monthly_credits_task',
  queue: 'low_priority',
  payload: z.null(),
  result: z.int(),
});

/** Each hour, so that new users do not wait for long. */
export const grantMonthlyCredits = defineSchedule(grantMonthlyCreditsTask, {
  name: 'grant_monthly_credits',
  cron: '5 * * * *',
  payload: null,
  misfire: 'one',
  expiresInMs: 3_600_000,
});

/** Checks the ledger of credits. @returns how many rows are wrong; the log names them */
export const checkCreditsTask = defineTask({
  name: 'check_credits_task',
  queue: 'low_priority',
  payload: z.null(),
  result: z.int(),
});

export const checkCredits = defineSchedule(checkCreditsTask, {
  name: 'check_credits',
  cron: '45 3 * * *',
  payload: null,
  misfire: 'one',
});
