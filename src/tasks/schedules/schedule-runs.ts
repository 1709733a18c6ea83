import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { messageOf } from '../../common/message-of.js';
import {
  inTransaction,
  isTransient,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { TaskClient, type SendOptions } from '../task-client.js';
import { definedTasks, type TaskDefinition } from '../task-definition.js';
import { planTicks } from './misfire.js';
import { definedSchedules } from './schedule-definition.js';
import { UnknownScheduleError, UnknownTaskNameError } from './schedule-errors.js';
import { rowColumns, timingOf, type ScheduleRow } from './schedule.js';

/**
 * What this process may tick: schedules of tasks that it knows, and of the declared ones those that
 * its own code declares. So during a deploy each release minds its own.
 */
const mine = `NOT paused AND (NOT declared OR name = ANY($1)) AND task = ANY($2)`;

/**
 * The ticks that are due, sent. One transaction for each schedule: its row locked, a row for each tick,
 * the tasks, and the next due time. They stand or fall together, so a tick is sent once, by whichever
 * worker takes the lock; the others pass it by.
 *
 * Failure windows: a process that dies before the commit has done nothing, and the next look of any
 * worker finds the tick still due. One that dies after it has left tasks which the reconciler hands
 * to the queue. With no worker at all, the misfire policy decides once there is one again.
 */
@Injectable()
export class ScheduleRuns {
  private readonly log = new Logger('Schedules');

  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
  ) {}

  /** Milliseconds until the next tick, 0 or less when one is due; null: there is none. */
  async nextInMs(): Promise<number | null> {
    const [next] = await rows<{ wait: number | null }>(
      this.database,
      `SELECT (extract(epoch FROM min(next_at) - now()) * 1000)::float8 AS wait
         FROM schedules WHERE ${mine}`,
      known(),
    );
    return next?.wait ?? null;
  }

  /**
   * Sends what is due of the schedule that has waited longest, at most a hundred runs.
   *
   * @param except schedules that had their turn
   * @returns its name; null when nothing is due, or others are at it
   */
  async tick(except: string[] = []): Promise<string | null> {
    return inTransaction(this.database, async (tx) => {
      const [schedule] = await rows<ScheduleRow>(
        tx,
        `SELECT ${rowColumns} FROM schedules
          WHERE ${mine} AND next_at <= now() AND name <> ALL($3)
          ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
        [...known(), except],
      );
      if (!schedule) return null;
      await this.sendDue(tx, schedule);
      return schedule.name;
    });
  }

  private async sendDue(tx: Transaction, schedule: ScheduleRow): Promise<void> {
    const { name, now } = schedule;
    try {
      await undone(tx, async () => {
        const { runs, nextAt } = planTicks({ ...schedule, timing: timingOf(schedule) }, now);
        for (const dueAt of runs) await this.send(tx, schedule, dueAt, false);
        const sql = `UPDATE schedules SET next_at = $2, retired_at = NULL WHERE name = $1`;
        await tx.query(sql, [name, nextAt]);
      });
    } catch (error) {
      if (isTransient(error)) throw error;
      // It was changed by hand, or this Node has lost a time zone. The others must not wait for it.
      this.log.error(`Schedule "${name}" is paused: ${messageOf(error)}`);
      await tx.query(`UPDATE schedules SET paused = true WHERE name = $1`, [name]);
    }
  }

  /**
   * Sends one task now. The ticks stay as they are.
   *
   * @returns the task's id
   * @throws UnknownScheduleError, UnknownTaskNameError, InvalidPayloadError
   */
  async runNow(name: string): Promise<string> {
    return inTransaction(this.database, async (tx) => {
      // Runs by hand take turns, for each needs a moment of its own.
      const [schedule] = await rows<ScheduleRow>(
        tx,
        `SELECT ${rowColumns} FROM schedules WHERE name = $1 FOR UPDATE`,
        [name],
      );
      if (!schedule) throw new UnknownScheduleError(name);
      const [moment] = await rows<{ at: string }>(tx, 'SELECT clock_timestamp()::text AS at');
      const { taskId, problem } = await this.send(tx, schedule, moment!.at, true);
      if (problem !== undefined) throw problem;
      return taskId;
    });
  }

  private async send(
    tx: Transaction,
    schedule: ScheduleRow,
    dueAt: Date | string,
    manual: boolean,
  ) {
    const taskId = uuidv7();
    const added = await rows(
      tx,
      `INSERT INTO schedule_runs (schedule, due_at, manual, task_id) VALUES ($1, $2, $3, $4)
       ON CONFLICT DO NOTHING RETURNING schedule`,
      [schedule.name, dueAt, manual, taskId],
    );
    // The row was set back by hand, or from a backup: this tick has had its run.
    if (added.length === 0) return { taskId };
    try {
      const task = findTask(schedule.task);
      const sent = await undone(tx, () =>
        this.tasks.send(tx, task, schedule.payload, optionsOf(schedule, taskId)),
      );
      // A task that runs once at a time answers with the one that is open.
      if (sent.id !== taskId) await this.note(tx, schedule, dueAt, sent.id, null);
      return { taskId: sent.id };
    } catch (error) {
      if (isTransient(error)) throw error;
      // The code or Postgres refuses it, and would again: the others must not wait for this one.
      const message = messageOf(error);
      this.log.error(`Schedule "${schedule.name}" sends nothing: ${message}`);
      await this.note(tx, schedule, dueAt, null, message);
      return { taskId, problem: error };
    }
  }

  private async note(
    tx: Transaction,
    { name }: ScheduleRow,
    dueAt: Date | string,
    taskId: string | null,
    error: string | null,
  ): Promise<void> {
    await tx.query(
      `UPDATE schedule_runs SET task_id = $3, error = $4 WHERE schedule = $1 AND due_at = $2`,
      [name, dueAt, taskId, error],
    );
  }
}

/** When `work` throws, what it wrote is taken back and the transaction goes on. */
async function undone<T>(tx: Transaction, work: () => Promise<T>): Promise<T> {
  await tx.query('SAVEPOINT undone');
  try {
    const answer = await work();
    await tx.query('RELEASE SAVEPOINT undone');
    return answer;
  } catch (error) {
    if (!isTransient(error)) await tx.query('ROLLBACK TO SAVEPOINT undone');
    throw error;
  }
}

function known(): [string[], string[]] {
  return [
    definedSchedules().map(({ declaration }) => declaration.name),
    definedTasks().map((task) => task.name),
  ];
}

/** @throws UnknownTaskNameError */
export function findTask(name: string): TaskDefinition {
  const tasks = definedTasks();
  const found = tasks.find((task) => task.name === name);
  if (found) return found;
  throw new UnknownTaskNameError(
    name,
    tasks.map((task) => task.name),
  );
}

function optionsOf({ queue, priority, expiresInMs }: ScheduleRow, id: string): SendOptions {
  return {
    id,
    ...(queue !== null && { queue }),
    ...(priority !== null && { priority }),
    ...(expiresInMs !== null && { expiresInMs }),
  };
}
