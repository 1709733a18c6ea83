import type { OldRows } from '../maintenance/old-rows.js';
import { finishedTasks } from '../maintenance/old-tasks.js';
import { generateImageTask } from './image-generation.tasks.js';

/** The images stay: they have their own owners and rows. */
export const oldGenerations = finishedTasks(
  'generations',
  (settings) => settings.generationRetentionDays,
  { only: [generateImageTask.name] },
);

/**
 * The key of an unfinished task stays: without it a repeated request would create a second task. The key of a
 * deleted task is deleted: a repeated request could only be told that the task is gone.
 */
export const oldIdempotencyKeys: OldRows = {
  what: 'idempotency_keys',
  keptDays: (settings) => settings.idempotencyRetentionDays,
  sql: `
    DELETE FROM idempotency_keys WHERE (owner_id, key) IN (
      SELECT old.owner_id, key FROM idempotency_keys old LEFT JOIN tasks ON tasks.id = old.task_id
       WHERE tasks.id IS NULL
          OR tasks.finished_at IS NOT NULL AND old.created_at < now() - $2 * interval '1 day'
       LIMIT $1 FOR UPDATE OF old SKIP LOCKED)
    RETURNING key`,
};
