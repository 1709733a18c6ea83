import { expect } from '@jest/globals';
import { about } from './about.js';
import type { DataSource } from 'typeorm';

interface Run {
  schedule: string;
  due: string;
  state: string | null;
  everyMs: number;
}

/**
 * Every tick of every interval from the first to the last is in the history, each with a task of its
 * own, and there are no other tasks of those names.
 */
export async function assertTicksOnce(database: DataSource): Promise<void> {
  const runs: Run[] = await database.query(
    `SELECT run.schedule, extract(epoch FROM run.due_at) * 1000 AS due, task.state,
            schedules.every_ms AS "everyMs"
       FROM schedule_runs run
       JOIN schedules ON schedules.name = run.schedule
       LEFT JOIN tasks task ON task.id = run.task_id
      WHERE NOT run.manual ORDER BY run.schedule, run.due_at`,
  );
  for (const [i, run] of runs.entries()) {
    expect(run.state).toBe('SUCCESS');
    const before = runs[i - 1];
    if (before?.schedule !== run.schedule) continue;
    about(`${run.schedule}: tick ${i}`, () =>
      expect(Number(run.due) - Number(before.due)).toBe(run.everyMs),
    );
  }
  const [tasks] = await database.query(
    `SELECT count(*)::int AS all, count(DISTINCT run.task_id)::int AS ticked
       FROM tasks LEFT JOIN schedule_runs run ON run.task_id = tasks.id
      WHERE tasks.name IN (SELECT task FROM schedules)`,
  );
  expect(tasks).toEqual({ all: runs.length, ticked: runs.length });
}
