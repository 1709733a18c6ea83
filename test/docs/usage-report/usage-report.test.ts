import assert from 'node:assert/strict';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { TaskFailedError } from '../../../src/tasks/definitions/task-errors.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';
import { usageReport } from './usage-report.canvas.js';
import { UsageReportProcessor } from './usage-report.processor.js';
import { usageReportTask, weeklyUsageReport, writeReportTask } from './usage-report.tasks.js';

onBothQueueEngines('the usage report of the tutorial', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, {
      providers: [UsageReportProcessor],
      serve: ['normal_priority', 'low_priority'],
    });
    await lab.database.query(
      'CREATE TABLE usage_reports (id uuid PRIMARY KEY, title text, counts jsonb)',
    );
  });
  afterAll(() => lab.close());

  it('counts each day and writes one report, in order', async () => {
    const tx = lab.database.manager;
    const asked = await lab.client.send(tx, usageReportTask, { days: 3 });
    const started = await asked.get({ timeoutMs: 30_000 });

    const chord = lab.client.result(started!.chord_id, writeReportTask);
    const written = await chord.get({ timeoutMs: 30_000 });

    const [report] = await lab.database.query(
      `SELECT title, jsonb_path_query_array(counts, '$[*].day') AS days,
              (SELECT array_agg((current_date - n)::text ORDER BY n DESC)
                 FROM generate_series(0, 2) AS n) AS expected
         FROM usage_reports WHERE id = $1`,
      [written!.report_id],
    );
    expect(report.title).toBe('The last 3 days');
    expect(report.days).toEqual(report.expected);
  });

  it('tells the operators once when a day cannot be counted', async () => {
    const tx = lab.database.manager;
    const report = usageReport('Too early', ['2020-01-01', '2999-01-01']);
    const sent = await lab.client.sendCanvas(tx, report);

    const error: unknown = await sent.get({ timeoutMs: 30_000 }).catch((e: unknown) => e);
    assert.ok(error instanceof TaskFailedError);
    expect(error.failure.code).toBe('chord_error');
    const failed = await lab.task(error.failure.task_id!);
    expect(failed.payload).toEqual({ day: '2999-01-01' });

    const callbacks = await eventually('the operators are told', async () => {
      const tasks = await lab.database.query(
        `SELECT state, payload->>'task_id' AS about FROM tasks WHERE name = 'tell_operators'`,
      );
      return tasks[0]?.state === 'SUCCESS' && tasks;
    });
    expect(callbacks).toEqual([{ state: 'SUCCESS', about: sent.id }]);
  });

  it('is not made twice at the same time', async () => {
    const first = await lab.send(usageReportTask, { days: 5 }, { queue: 'high_priority' });
    expect(await lab.send(usageReportTask, { days: 5 })).toBe(first);
    expect(await lab.send(usageReportTask, { days: 6 })).not.toBe(first);
    await lab.client.revoke(first);
  });

  it('is sent every Monday', async () => {
    const { name } = weeklyUsageReport.declaration;
    const schedule = await eventually('the worker has brought its schedule', async () =>
      (await lab.get(Schedules).list()).find((known) => known.name === name),
    );
    expect(schedule.nextAt?.getUTCDay()).toBe(1);
    expect(schedule.task).toBe('usage_report');
  });
});
