import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { inTransaction, retried, rows } from '../../infrastructure/database/transaction.js';
import type { PayloadInput, TaskDefinition } from '../definitions/task-definition.js';
import { checkedSchedule, type ScheduleOptions } from './schedule-definition.js';
import {
  DeclaredScheduleError,
  ScheduleExistsError,
  UnknownScheduleError,
} from './schedule-errors.js';
import { ScheduleNews } from './schedule-news.js';
import { ScheduleRuns, findTask } from './schedule-runs.js';
import {
  rowColumns,
  scheduleColumns,
  timingOf,
  type Schedule,
  type ScheduleRow,
  type ScheduleRun,
} from './schedule.js';
import { checkedTiming, ticksOf, type TimingInput } from './timing.js';

/** A schedule to make at run time. `task` is a definition, or the name of one that this process knows. */
export type NewSchedule<D extends TaskDefinition> = TimingInput &
  ScheduleOptions & { name: string; task: D | string; payload: PayloadInput<D> };

const maxHistory = 1_000;

/**
 * Reads and changes the schedules of this installation, both declared ones and those made at run time.
 * For an API or the command line. Changes are stored, so they survive restarts; workers notice them at
 * once.
 *
 * Methods that take a name throw `UnknownScheduleError` when no schedule has it.
 */
@Injectable()
export class Schedules {
  constructor(
    private readonly database: DataSource,
    private readonly runs: ScheduleRuns,
    private readonly news: ScheduleNews,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  /** All schedules, sorted by name. */
  async list(): Promise<Schedule[]> {
    return this.query(`SELECT ${scheduleColumns} FROM schedules ORDER BY name`);
  }

  async find(name: string): Promise<Schedule> {
    return this.one(name, `SELECT ${scheduleColumns} FROM schedules WHERE name = $1`);
  }

  /**
   * Makes a schedule. The first tick of an interval comes after one period.
   *
   * @throws UnknownTaskNameError, InvalidScheduleError, InvalidPayloadError, ScheduleExistsError; then
   *   nothing was stored
   */
  async add<D extends TaskDefinition>(schedule: NewSchedule<D>): Promise<Schedule> {
    const task = typeof schedule.task === 'string' ? findTask(schedule.task) : schedule.task;
    const payload = checkedSchedule(task, schedule);
    const timing = checkedTiming(schedule, this.settings.scheduleTimeZone);
    const [clock] = await this.query<{ now: Date }>('SELECT now() AS now');
    const [added] = await this.query<Schedule>(
      `INSERT INTO schedules
         (name, declared, task, payload, queue, priority, expires_in_ms, cron, time_zone, every_ms, misfire, next_at)
       VALUES ($1, false, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
       ON CONFLICT DO NOTHING RETURNING ${scheduleColumns}`,
      [
        schedule.name,
        task.name,
        payload,
        schedule.queue ?? null,
        schedule.priority ?? null,
        schedule.expiresInMs ?? null,
        timing.cron,
        timing.timeZone,
        timing.everyMs,
        schedule.misfire ?? 'skip',
        ticksOf(timing)(clock!.now),
      ],
    );
    if (!added) throw new ScheduleExistsError(schedule.name);
    await this.news.changed();
    return added;
  }

  /** Stops the schedule from sending, until `resume`. Pausing it again changes nothing. */
  async pause(name: string): Promise<Schedule> {
    const sql = `UPDATE schedules SET paused = true WHERE name = $1 RETURNING ${scheduleColumns}`;
    return this.one(name, sql);
  }

  /** Resumes with the first tick from now on. Ticks that fell into the pause are dropped. */
  async resume(name: string): Promise<Schedule> {
    const resumed = await inTransaction(this.database, async (tx) => {
      const [row] = await rows<ScheduleRow>(
        tx,
        `SELECT ${rowColumns} FROM schedules WHERE name = $1 FOR UPDATE`,
        [name],
      );
      if (!row) throw new UnknownScheduleError(name);
      // If the schedule was not paused, its due ticks stay due.
      const nextAt =
        row.paused && row.nextAt <= row.now
          ? ticksOf(timingOf(row))(row.now, row.nextAt)
          : row.nextAt;
      const [schedule] = await rows<Schedule>(
        tx,
        `UPDATE schedules SET paused = false, next_at = $2 WHERE name = $1 RETURNING ${scheduleColumns}`,
        [name, nextAt],
      );
      return schedule!;
    });
    await this.news.changed();
    return resumed;
  }

  /**
   * Sends its task now, even while the schedule is paused. The regular ticks stay as they are.
   *
   * @returns the task's id
   * @throws UnknownTaskNameError, InvalidPayloadError
   */
  async runNow(name: string): Promise<string> {
    return this.runs.runNow(name);
  }

  /**
   * Deletes a schedule and its history. Tasks that it has sent stay.
   *
   * @throws DeclaredScheduleError when it is declared in code: pause it instead
   */
  async remove(name: string): Promise<void> {
    const removed = await this.query(
      `DELETE FROM schedules WHERE name = $1 AND (NOT declared OR retired_at IS NOT NULL)
       RETURNING name`,
      [name],
    );
    if (removed.length > 0) return;
    await this.find(name);
    throw new DeclaredScheduleError(name);
  }

  /**
   * Its runs, newest first. Runs are kept for TASK_RETENTION_DAYS.
   *
   * @param limit most runs to return, 1 to 1000
   * @throws RangeError when `limit` is out of range
   */
  async history(name: string, limit = 20): Promise<ScheduleRun[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > maxHistory) {
      throw new RangeError(`limit is ${limit}; it must be a whole number from 1 to ${maxHistory}`);
    }
    await this.find(name);
    return this.query(
      `SELECT run.due_at AS "dueAt", run.sent_at AS "sentAt", run.manual, run.task_id AS "taskId",
              run.error, task.state
         FROM schedule_runs run LEFT JOIN tasks task ON task.id = run.task_id
        WHERE run.schedule = $1 ORDER BY run.due_at DESC LIMIT $2`,
      [name, limit],
    );
  }

  private async one(name: string, sql: string): Promise<Schedule> {
    const [schedule] = await this.query<Schedule>(sql, [name]);
    if (!schedule) throw new UnknownScheduleError(name);
    return schedule;
  }

  private query<T>(sql: string, parameters: unknown[] = []): Promise<T[]> {
    return retried(() => rows<T>(this.database, sql, parameters));
  }
}
