import type { OldRows } from './old-rows.js';

/**
 * Finished tasks of `only` these names, or of all `except` these. Nodes of a canvas count from the end of
 * the whole: while its root, or the node right above, is open or has just ended, they stay.
 */
export function finishedTasks(
  what: string,
  keptDays: OldRows['keptDays'],
  names: { only: string[] } | { except: string[] },
): OldRows {
  const [wanted, list] =
    'only' in names ? ['name = ANY($3)', names.only] : ['name <> ALL($3)', names.except];
  return {
    what,
    keptDays,
    parameters: [list],
    sql: `
      DELETE FROM tasks WHERE id IN (
        SELECT id FROM tasks task
         WHERE finished_at < now() - $2 * interval '1 day' AND ${wanted}
           AND NOT EXISTS (
               SELECT FROM tasks above WHERE above.id IN (task.canvas_id, task.parent_id)
                  AND (above.finished_at IS NULL OR above.finished_at >= now() - $2 * interval '1 day'))
         ORDER BY finished_at LIMIT $1 FOR UPDATE SKIP LOCKED)
      RETURNING id`,
  };
}

export const oldScheduleRuns: OldRows = {
  what: 'schedule_runs',
  keptDays: (settings) => settings.taskRetentionDays,
  sql: `
    DELETE FROM schedule_runs WHERE (schedule, due_at) IN (
      SELECT schedule, due_at FROM schedule_runs WHERE sent_at < now() - $2 * interval '1 day'
       ORDER BY sent_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING schedule`,
};
