import type { QueueName } from '../queues.js';
import type { TaskState } from '../task-state.js';
import type { MisfirePolicy } from './misfire.js';
import type { Timing } from './timing.js';

/** A schedule as it stands. Times are UTC. */
export interface Schedule {
  name: string;
  /** In code; otherwise made at run time. */
  declared: boolean;
  /** Name of the task that is sent. */
  task: string;
  payload: unknown;
  /** Null: the one of the task. */
  queue: QueueName | null;
  /** Null: the one of the task. */
  priority: number | null;
  expiresInMs: number | null;
  cron: string | null;
  timeZone: string | null;
  everyMs: number | null;
  misfire: MisfirePolicy;
  paused: boolean;
  /** The next tick; null while it is paused or retired. */
  nextAt: Date | null;
  /** When it last sent a task, by a tick or by hand; null: not yet, or too long ago to be kept. */
  lastSentAt: Date | null;
  createdAt: Date;
  /** Since when no worker that started declares it: its code is gone. */
  retiredAt: Date | null;
}

/** One tick of a schedule, or one run by hand. */
export interface ScheduleRun {
  /** The tick; of a run by hand the moment it was asked for. */
  dueAt: Date;
  sentAt: Date;
  manual: boolean;
  /** Null: nothing was sent, and `error` says why. */
  taskId: string | null;
  error: string | null;
  /** Null when the task is not there any more. */
  state: TaskState | null;
}

/** What sending needs of a schedule's row. */
export interface ScheduleRow {
  name: string;
  task: string;
  payload: unknown;
  queue: QueueName | null;
  priority: number | null;
  expiresInMs: number | null;
  cron: string | null;
  timeZone: string | null;
  everyMs: number | null;
  misfire: MisfirePolicy;
  paused: boolean;
  nextAt: Date;
  /** The database's clock. */
  now: Date;
}

/** The columns of a {@link ScheduleRow}. */
export const rowColumns = `name, task, payload, queue, priority, expires_in_ms AS "expiresInMs", cron,
  time_zone AS "timeZone", every_ms AS "everyMs", misfire, paused, next_at AS "nextAt", now() AS now`;

/** The columns of a {@link Schedule}. */
export const scheduleColumns = `name, declared, task, payload, queue, priority,
  expires_in_ms AS "expiresInMs", cron, time_zone AS "timeZone", every_ms AS "everyMs", misfire, paused,
  CASE WHEN NOT paused AND retired_at IS NULL THEN next_at END AS "nextAt",
  (SELECT sent_at FROM schedule_runs WHERE schedule = name ORDER BY due_at DESC LIMIT 1) AS "lastSentAt",
  created_at AS "createdAt", retired_at AS "retiredAt"`;

/** The table's constraint says that it is one of the two. */
export function timingOf(row: Pick<ScheduleRow, 'cron' | 'timeZone' | 'everyMs'>): Timing {
  return row as Timing;
}
