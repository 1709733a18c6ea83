import { defaultMaxCrashes, definedTasks } from './task-definition.js';

/** So many crashes make a suspect of a task: from then on it runs alone in its process. */
const suspectAfter = 3;

/** The limits of tasks that have one of their own, for the parameter `limits`: JSON of numbers by name. */
export function crashLimits(): string {
  const own = definedTasks().filter((task) => task.maxCrashes !== defaultMaxCrashes);
  return JSON.stringify(Object.fromEntries(own.map((task) => [task.name, task.maxCrashes])));
}

/** The most crashes of a row. */
const maxCrashes = (limits: string) =>
  `coalesce((${limits}::jsonb ->> name)::int, ${defaultMaxCrashes})`;

/** The lease is over: its worker is gone, or does as if it were. */
export const orphaned = `state = 'STARTED' AND lease_until < now()`;

export const poisoned = (limits: string) => `${orphaned} AND crashes + 1 >= ${maxCrashes(limits)}`;

/** It is due, or its worker is gone, and nobody has revoked it. */
export const claimable = (limits: string) => `(NOT blocked AND revoke_requested_at IS NULL
  AND ((state IN ('PENDING', 'RETRY') AND run_at <= now() AND (expires_at IS NULL OR expires_at > now()))
    OR (${orphaned} AND crashes + 1 < ${maxCrashes(limits)})))`;

/** Also once the crash is counted that the claim would find. It always runs alone before it is quarantined. */
export const suspect = (limits: string) => `(crashes + (state = 'STARTED')::int
  >= greatest(1, least(${suspectAfter}, ${maxCrashes(limits)} - 1)))`;

const claimedColumns = `id, kind, name, queue, payload, attempt, retries, overrides,
  canvas_id AS "canvasId", concurrency_key AS "concurrencyKey",
  started_at AS "startedAt", owner_id AS "ownerId", correlation_id AS "correlationId"`;

/** The claim of $1 that the process $2 made, although its answer was lost on the way. */
export const unheardClaimSql = `
  SELECT ${claimedColumns} FROM tasks
   WHERE id = $1 AND state = 'STARTED' AND process = $2 AND lease_until > clock_timestamp()`;

/**
 * Parameters: $1 id, $2 worker, $3 lease in milliseconds, $4 {@link crashLimits}, $5 process, $6 whether
 * it would run alone. The lease begins when the row is written: the transaction may have waited for locks.
 *
 * @param set beside what every claim sets
 */
export const claimSql = (condition: string, set = '') => `
  UPDATE tasks
     SET state = 'STARTED', attempt = attempt + 1, worker = $2, process = $5, progress = NULL, ${set}
         crashes = crashes + (state = 'STARTED')::int,
         crashed_attempts = CASE WHEN state = 'STARTED' THEN crashed_attempts || attempt
                                 ELSE crashed_attempts END,
         lease_until = clock_timestamp() + $3 * interval '1 ms', started_at = clock_timestamp()
   WHERE id = $1 AND ${claimable('$4')} AND ($6::boolean OR NOT ${suspect('$4')}) AND ${condition}
   RETURNING ${claimedColumns}`;
