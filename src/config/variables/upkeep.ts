import { z } from 'zod';
import { isTimeZone } from '../../common/time-zone.js';
import { integer } from '../environment-values.js';
import { variable, type Values } from './variable.js';

const days = (fallback: number, what: string) =>
  variable(integer(0, 36_500).default(fallback), {
    description: `Days that ${what}; 0: forever.`,
    example: String(fallback),
  });

export const upkeepVariables = {
  TZ_SCHEDULE: variable(z.string().refine(isTimeZone, 'is not a time zone').default('UTC'), {
    description: 'Time zone of cron schedules that name none, as in the IANA list.',
    example: 'Europe/Berlin',
  }),
  TASK_RETENTION_DAYS: days(30, 'finished tasks and histories are kept'),
  GENERATION_RETENTION_DAYS: days(0, 'finished generations are kept (their images stay)'),
  MAIL_RETENTION_DAYS: days(30, 'what was mailed to whom is kept'),
  CHAT_RETENTION_DAYS: days(0, 'messages of conversations are kept'),
  EVENT_RETENTION_DAYS: days(90, 'processed events and their runs are kept'),
  UPLOAD_RETENTION_DAYS: days(7, 'a picture that a user uploaded is kept'),
  IDEMPOTENCY_RETENTION_DAYS: days(7, 'a repeated Idempotency-Key gives the first task'),
};

export interface UpkeepEnvironment {
  scheduleTimeZone: string;
  /** Days; 0 keeps them forever. */
  taskRetentionDays: number;
  generationRetentionDays: number;
  mailRetentionDays: number;
  chatRetentionDays: number;
  eventRetentionDays: number;
  uploadRetentionDays: number;
  idempotencyRetentionDays: number;
}

export function upkeepEnvironment(v: Values<typeof upkeepVariables>): UpkeepEnvironment {
  return {
    scheduleTimeZone: v.TZ_SCHEDULE,
    taskRetentionDays: v.TASK_RETENTION_DAYS,
    generationRetentionDays: v.GENERATION_RETENTION_DAYS,
    mailRetentionDays: v.MAIL_RETENTION_DAYS,
    chatRetentionDays: v.CHAT_RETENTION_DAYS,
    eventRetentionDays: v.EVENT_RETENTION_DAYS,
    uploadRetentionDays: v.UPLOAD_RETENTION_DAYS,
    idempotencyRetentionDays: v.IDEMPOTENCY_RETENTION_DAYS,
  };
}
