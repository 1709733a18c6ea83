import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { messageOf } from '../../common/message-of.js';
import {
  inTransaction,
  isOverTime,
  isTransient,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { definedTasks, type TaskDefinition } from '../definitions/task-definition.js';
import { TaskClient, type SendOptions } from '../sending/task-client.js';
import { planTicks } from './misfire.js';
import { definedSchedules } from './schedule-definition.js';
import { UnknownScheduleError, UnknownTaskNameError } from './schedule-errors.js';
import { rowColumns, timingOf, type ScheduleRow } from './schedule.js';

/**
 * The schedules that this process may tick: their task must be known here, and a declared schedule must
 * be declared by this process's own code. So during a deployment each release runs its own schedules.
 */
const mine = `NOT paused AND (NOT declared OR name = ANY($1)) AND task = ANY($2)`;

/**
 * Sends the tasks of ticks that are due. One transaction for each schedule locks its row, writes a
 * row for each tick, stores the tasks and sets the next due time, all or nothing. So each tick is sent
 * once, by the worker that gets the lock; the others skip the schedule.
 *
 * Failure windows: a process that dies before the commit has done nothing, and the tick is still due
 * when any worker looks next. If it dies after the commit, the reconciler hands its tasks to the queue.
 * While no worker runs at all, ticks are missed, and the misfire policy decides what happens to them.
 */
@Injectable()
export class ScheduleRuns {
  private readonly log = new Logger('Schedules');

  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
  ) {}

  /** Milliseconds until the next tick; 0 or less when one is due; null when no schedule is active. */
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
   * Takes the schedule that has been due for longest and sends its due runs, at most a hundred.
   *
   * @param except names of schedules to skip
   * @returns the name of the schedule; null when none is due, or other workers hold those that are
   */
  async tick(except: string[] = []): Promise<string | null> {
    let tries = 0;
    return inTransaction(this.database, async (tx) => {
      const [schedule] = await rows<ScheduleRow>(
        tx,
        `SELECT ${rowColumns} FROM schedules
          WHERE ${mine} AND next_at <= now() AND name <> ALL($3)
          ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED`,
        [...known(), except],
      );
      if (!schedule) return null;
      await this.sendDue(tx, schedule, ++tries);
      return schedule.name;
    });
  }

  private async sendDue(tx: Transaction, schedule: ScheduleRow, tries: number): Promise<void> {
    const { name, now } = schedule;
    try {
      await undone(tx, async () => {
        const { runs, nextAt } = planTicks({ ...schedule, timing: timingOf(schedule) }, now);
        for (const dueAt of runs) await this.send(tx, schedule, dueAt, { manual: false, tries });
        const sql = `UPDATE schedules SET next_at = $2, retired_at = NULL WHERE name = $1`;
        await tx.query(sql, [name, nextAt]);
      });
    } catch (error) {
      if (!isRefusal(error, tries)) throw error;
      // Its row was changed by hand, or this Node.js lacks its time zone. Other schedules must go on.
      this.log.error(`Schedule "${name}" is paused: ${messageOf(error)}`);
      await tx.query(`UPDATE schedules SET paused = true WHERE name = $1`, [name]);
    }
  }

  /**
   * Sends one task now. The regular ticks stay as they are.
   *
   * @returns the task's id
   * @throws UnknownScheduleError, UnknownTaskNameError, InvalidPayloadError
   */
  async runNow(name: string): Promise<string> {
    let tries = 0;
    return inTransaction(this.database, async (tx) => {
      // The lock makes manual runs take turns: each one needs its own timestamp.
      const [schedule] = await rows<ScheduleRow>(
        tx,
        `SELECT ${rowColumns} FROM schedules WHERE name = $1 FOR UPDATE`,
        [name],
      );
      if (!schedule) throw new UnknownScheduleError(name);
      const [moment] = await rows<{ at: string }>(tx, 'SELECT clock_timestamp()::text AS at');
      const call = { manual: true, tries: ++tries };
      const { taskId, problem } = await this.send(tx, schedule, moment!.at, call);
      if (problem !== undefined) throw problem;
      return taskId;
    });
  }

  private async send(
    tx: Transaction,
    schedule: ScheduleRow,
    dueAt: Date | string,
    { manual, tries }: { manual: boolean; tries: number },
  ) {
    const taskId = uuidv7();
    const added = await rows(
      tx,
      `INSERT INTO schedule_runs (schedule, due_at, manual, task_id) VALUES ($1, $2, $3, $4)
       ON CONFLICT DO NOTHING RETURNING schedule`,
      [schedule.name, dueAt, manual, taskId],
    );
    // The schedule's row was reset by hand or from a backup, and this tick was already sent.
    if (added.length === 0) return { taskId };
    try {
      const task = findTask(schedule.task);
      const sent = await undone(tx, () =>
        this.tasks.send(tx, task, schedule.payload, optionsOf(schedule, taskId)),
      );
      // A definition with `once` answers with the task that is still open.
      if (sent.id !== taskId) await this.note(tx, schedule, dueAt, sent.id, null);
      return { taskId: sent.id };
    } catch (error) {
      if (!isRefusal(error, tries)) throw error;
      // The code or Postgres refuses the task and would do so again. Other schedules must go on.
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

/** Runs `work` in a savepoint: when it throws, its writes are undone and the transaction stays usable. */
async function undone<T>(tx: Transaction, work: () => Promise<T>): Promise<T> {
  await tx.query('SAVEPOINT undone');
  try {
    const answer = await work();
    await tx.query('RELEASE SAVEPOINT undone');
    return answer;
  } catch (error) {
    if (!isTransient(error) || isOverTime(error)) await tx.query('ROLLBACK TO SAVEPOINT undone');
    throw error;
  }
}

/** Whether the schedule is at fault. After one limit of time the server may be; a second one must not hold up others. */
function isRefusal(error: unknown, tries: number): boolean {
  return !isTransient(error) || (isOverTime(error) && tries > 1);
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
