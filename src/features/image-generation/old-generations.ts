import type { OldRows } from '../maintenance/old-rows.js';
import { finishedTasks } from '../maintenance/old-tasks.js';
import { generateImageTask } from './image-generation.tasks.js';

/** Their images stay: those have owners and rows of their own. */
export const oldGenerations = finishedTasks(
  'generations',
  (settings) => settings.generationRetentionDays,
  { only: [generateImageTask.name] },
);

/**
 * The key of a task that still runs stays: without it a repeated request would make another. That of a
 * task that is gone goes: a repeated request would be told of nothing.
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
