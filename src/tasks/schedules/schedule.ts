import type { QueueName } from '../definitions/queues.js';
import type { TaskState } from '../definitions/task-state.js';
import type { MisfirePolicy } from './misfire.js';
import type { Timing } from './timing.js';

/** The current state of a schedule. */
export interface Schedule {
  name: string;
  /** True: declared in code; false: made at run time. */
  declared: boolean;
  /** Name of the task that it sends. */
  task: string;
  payload: unknown;
  /** Null: the queue of the task's definition. */
  queue: QueueName | null;
  /** 0 (first) … 9 (last); null: the priority of the task's definition. */
  priority: number | null;
  expiresInMs: number | null;
  cron: string | null;
  timeZone: string | null;
  everyMs: number | null;
  misfire: MisfirePolicy;
  paused: boolean;
  /** The next tick; null while the schedule is paused or retired. */
  nextAt: Date | null;
  /** When it last sent a task, by a tick or by hand; null: never, or its history was deleted since. */
  lastSentAt: Date | null;
  createdAt: Date;
  /** Since when its code is gone: a worker started that does not declare it. Null: not retired. */
  retiredAt: Date | null;
}

/** One run of a schedule: a tick, or a run by hand. */
export interface ScheduleRun {
  /** When the tick was due; for a run by hand, when it was requested. */
  dueAt: Date;
  sentAt: Date;
  manual: boolean;
  /** Null: no task was sent, and `error` says why. */
  taskId: string | null;
  error: string | null;
  /** Null when the task was deleted. */
  state: TaskState | null;
}

/** The columns of a schedule that are needed to send its tasks. */
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
  /** Current time by the database's clock. */
  now: Date;
}

/** SELECT list for a {@link ScheduleRow}. */
export const rowColumns = `name, task, payload, queue, priority, expires_in_ms AS "expiresInMs", cron,
  time_zone AS "timeZone", every_ms AS "everyMs", misfire, paused, next_at AS "nextAt", now() AS now`;

/** SELECT list for a {@link Schedule}. */
export const scheduleColumns = `name, declared, task, payload, queue, priority,
  expires_in_ms AS "expiresInMs", cron, time_zone AS "timeZone", every_ms AS "everyMs", misfire, paused,
  CASE WHEN NOT paused AND retired_at IS NULL THEN next_at END AS "nextAt",
  (SELECT sent_at FROM schedule_runs WHERE schedule = name ORDER BY due_at DESC LIMIT 1) AS "lastSentAt",
  created_at AS "createdAt", retired_at AS "retiredAt"`;

/** A constraint of the table makes sure that the row has either a cron or an interval. */
export function timingOf(row: Pick<ScheduleRow, 'cron' | 'timeZone' | 'everyMs'>): Timing {
  return row as Timing;
}
