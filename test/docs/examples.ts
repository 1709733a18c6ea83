import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { defineSchedule } from '../../src/tasks/schedules/schedule-definition.js';
import type { TaskContext } from '../../src/tasks/definitions/task-context.js';
import { defineTask, type Payload } from '../../src/tasks/definitions/task-definition.js';
import {
  PermanentTaskError,
  RetryLater,
  taskErrorReport,
  type TaskErrorReport,
} from '../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../src/tasks/definitions/task-handler.decorator.js';

export const sumTask = defineTask({
  name: 'sum',
  queue: 'normal_priority',
  payload: z.array(z.int()),
  result: z.int(),
});

export const logResultTask = defineTask({
  name: 'log_result',
  queue: 'low_priority',
  payload: z.int(),
  result: z.null(),
});

export const handleErrorTask = defineTask({
  name: 'handle_error',
  queue: 'low_priority',
  payload: taskErrorReport,
  result: z.null(),
});

export const filmEndedTask = defineTask({
  name: 'film_ended',
  queue: 'low_priority',
  payload: z.strictObject({ task_id: z.uuid() }),
  result: z.null(),
});

export const renderFilmTask = defineTask({
  name: 'render_film',
  queue: 'low_priority',
  payload: z.strictObject({ film: z.string(), user: z.string(), frames: z.int().min(1) }),
  result: z.strictObject({ frames: z.int() }),
  priority: 7,
  retry: { max: 5, delayMs: 1_000, backoff: 'exponential', maxDelayMs: 60_000, jitter: 0.5 },
  softTimeLimitMs: 540_000,
  hardTimeLimitMs: 600_000,
  resultExpiresMs: 86_400_000,
  once: { key: ({ film }) => film, ttlMs: 3_600_000 },
  rateLimit: { limit: 10, perMs: 1_000 },
  concurrencyLimit: { limit: 2, key: ({ user }) => user },
  followUp: filmEndedTask,
});

export const reportTask = defineTask({
  name: 'report',
  queue: 'low_priority',
  payload: z.strictObject({ days: z.int() }),
  result: z.null(),
});

export const nightlyReport = defineSchedule(reportTask, {
  name: 'nightly_report',
  cron: '0 3 * * *',
  timeZone: 'Europe/Berlin',
  payload: { days: 1 },
});

export const warmUpTask = defineTask({
  name: 'warm_up',
  queue: 'low_priority',
  payload: z.strictObject({}),
  result: z.null(),
});

/** What the examples of the docs need of a film studio. */
export class Studio {
  /** Times it has been asked. */
  asked = 0;

  async open(film: string) {
    this.asked += 1;
    if (film === 'lost') return undefined;
    return { busyForMs: film === 'in demand' && this.asked === 1 ? 3_600_000 : 0 };
  }

  async renderFrame(_film: string, _frame: number, { signal }: { signal: AbortSignal }) {
    await delay(1, undefined, { signal });
  }
}

@Injectable()
export class Examples {
  readonly logged: number[] = [];
  readonly reports: TaskErrorReport[] = [];
  readonly studio = new Studio();

  @HandlesTask(renderFilmTask)
  async render({ film, frames }: Payload<typeof renderFilmTask>, context: TaskContext) {
    const { signal } = context;
    const studio = await this.studio.open(film);
    if (!studio) throw new PermanentTaskError('unknown_film', `There is no film "${film}".`);
    if (studio.busyForMs > 0) throw new RetryLater(studio.busyForMs, 'The studio is taken.');
    for (let frame = 1; frame <= frames; frame++) {
      await this.studio.renderFrame(film, frame, { signal });
      context.progress({ percent: Math.round((100 * frame) / frames), step: frame, steps: frames });
    }
    return { frames };
  }

  @HandlesTask(sumTask)
  async sum(numbers: number[]) {
    return numbers.reduce((total, n) => total + n, 0);
  }

  @HandlesTask(logResultTask)
  async logResult(n: number) {
    this.logged.push(n);
    return null;
  }

  @HandlesTask(handleErrorTask)
  async handleError(report: TaskErrorReport) {
    this.reports.push(report);
    return null;
  }

  @HandlesTask(filmEndedTask)
  async ended() {
    return null;
  }

  @HandlesTask(reportTask)
  async report() {
    return null;
  }

  @HandlesTask(warmUpTask)
  async warmUp() {
    return null;
  }
}
