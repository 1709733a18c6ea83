import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { completeWith, type TaskContext } from '../../../src/tasks/definitions/task-context.js';
import type { Payload } from '../../../src/tasks/definitions/task-definition.js';
import {
  PermanentTaskError,
  type TaskErrorReport,
} from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { usageReport } from './usage-report.canvas.js';
import {
  countTasksTask,
  tellOperatorsTask,
  usageReportTask,
  writeReportTask,
} from './usage-report.tasks.js';

@Injectable()
export class UsageReportProcessor {
  private readonly log = new Logger('UsageReport');

  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
  ) {}

  @HandlesTask(usageReportTask)
  async start({ days }: Payload<typeof usageReportTask>) {
    const report = usageReport(`The last ${days} days`, await this.lastDays(days));
    return completeWith(async (tx) => {
      const sent = await this.tasks.sendCanvas(tx, report);
      return { chord_id: sent.id };
    });
  }

  @HandlesTask(countTasksTask)
  async count({ day }: Payload<typeof countTasksTask>, { signal }: TaskContext) {
    const [today] = await this.lastDays(1);
    if (day > today!) throw new PermanentTaskError('day_to_come', `${day} is yet to come.`);
    signal.throwIfAborted();
    const [count] = await this.database.query<{ sent: number; failed: number }[]>(
      `SELECT count(*)::int AS sent, (count(*) FILTER (WHERE state = 'FAILURE'))::int AS failed
         FROM tasks WHERE created_at >= $1::date AND created_at < $1::date + 1`,
      [day],
    );
    return { day, ...count! };
  }

  @HandlesTask(writeReportTask)
  async write({ title, counts }: Payload<typeof writeReportTask>, { taskId }: TaskContext) {
    return completeWith(async (tx) => {
      await tx.query('INSERT INTO usage_reports (id, title, counts) VALUES ($1, $2, $3)', [
        taskId,
        title,
        JSON.stringify(counts),
      ]);
      return { report_id: taskId };
    });
  }

  @HandlesTask(tellOperatorsTask)
  async tell({ name, error }: TaskErrorReport) {
    this.log.error(`No usage report: ${name} failed: ${error.message} (${error.code})`);
    return null;
  }

  /** Oldest first, today last; by the database's clock. */
  private async lastDays(days: number): Promise<string[]> {
    const found = await this.database.query<{ day: string }[]>(
      `SELECT (current_date - n)::text AS day FROM generate_series($1::int - 1, 0, -1) AS n`,
      [days],
    );
    return found.map(({ day }) => day);
  }
}
