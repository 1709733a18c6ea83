import type { OldRows } from '../maintenance/old-rows.js';
import { finishedTasks } from '../maintenance/old-tasks.js';
import { generateImageTask } from './image-generation.tasks.js';

/** Their images stay: those have owners and rows of their own. */
export const oldGenerations = finishedTasks(
  'generations',
  (settings) => settings.generationRetentionDays,
  { only: [generateImageTask.name] },
);

/** The key of a task that still runs stays: without it a repeated request would make another. */
export const oldIdempotencyKeys: OldRows = {
  what: 'idempotency_keys',
  keptDays: (settings) => settings.idempotencyRetentionDays,
  sql: `
    DELETE FROM idempotency_keys WHERE (owner_id, key) IN (
      SELECT owner_id, key FROM idempotency_keys old
       WHERE created_at < now() - $2 * interval '1 day'
         AND NOT EXISTS (SELECT FROM tasks WHERE id = old.task_id AND finished_at IS NULL)
       LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING key`,
};
