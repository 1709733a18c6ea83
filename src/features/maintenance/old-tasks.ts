import type { OldRows } from './old-rows.js';

/**
 * Finished tasks with `only` these names, or with all names `except` these. For nodes of a canvas the period
 * starts when the whole ends: they stay while the root or the node directly above is open or has just ended.
 */
export function finishedTasks(
  what: string,
  keptDays: OldRows['keptDays'],
  names: { only: string[] } | { except: string[] },
): OldRows {
  const [wanted, list] =
    'only' in names
      ? ['names.name = ANY($3)', names.only]
      : ['names.name <> ALL($3)', names.except];
  return {
    what,
    keptDays,
    parameters: [list],
    // Name by name, each found with one index lookup: rows that other names keep are not read.
    sql: `
      WITH RECURSIVE names (name) AS (
        (SELECT name FROM tasks WHERE finished_at IS NOT NULL ORDER BY name LIMIT 1)
        UNION ALL
        SELECT (SELECT name FROM tasks
                 WHERE finished_at IS NOT NULL AND name > names.name ORDER BY name LIMIT 1)
          FROM names WHERE name IS NOT NULL)
      DELETE FROM tasks WHERE id = ANY (ARRAY(
        SELECT old.id FROM names, LATERAL (
          SELECT id FROM tasks task
           WHERE name = names.name AND finished_at < now() - $2 * interval '1 day'
             AND NOT EXISTS (
                 SELECT FROM tasks above WHERE above.id IN (task.canvas_id, task.parent_id)
                    AND (above.finished_at IS NULL OR above.finished_at >= now() - $2 * interval '1 day'))
           ORDER BY finished_at LIMIT $1 FOR UPDATE SKIP LOCKED) old
         WHERE ${wanted} LIMIT $1))
      RETURNING id`,
  };
}

/** Expired keys. Before it expires, the key of a task that has ended can already be taken by a new one. */
export const oldOnceKeys: OldRows = {
  what: 'task_once_keys',
  keptDays: undefined,
  sql: `
    DELETE FROM task_once_keys WHERE (name, key) IN (
      SELECT name, key FROM task_once_keys WHERE expires_at < now()
       LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING name`,
};

/** Counts of keys for which nothing has started lately; a window is shorter than the time tasks are kept. */
export const oldRates: OldRows = {
  what: 'task_rates',
  keptDays: (settings) => settings.taskRetentionDays,
  sql: `
    DELETE FROM task_rates WHERE (name, key) IN (
      SELECT name, key FROM task_rates
       WHERE greatest(look_at, starts[cardinality(starts)]) < now() - $2 * interval '1 day'
       LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING name`,
};

export const oldScheduleRuns: OldRows = {
  what: 'schedule_runs',
  keptDays: (settings) => settings.taskRetentionDays,
  sql: `
    DELETE FROM schedule_runs WHERE (schedule, due_at) IN (
      SELECT schedule, due_at FROM schedule_runs WHERE sent_at < now() - $2 * interval '1 day'
       ORDER BY sent_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING schedule`,
};
