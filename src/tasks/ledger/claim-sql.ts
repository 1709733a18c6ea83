import { defaultMaxCrashes, definedTasks } from '../definitions/task-definition.js';

/** A task is suspect after this many crashes: from then on it runs alone in its process. */
const suspectAfter = 3;

/** The crash limits that differ from the default, as JSON by task name. For the parameter `limits` below. */
export function crashLimits(): string {
  const own = definedTasks().filter((task) => task.maxCrashes !== defaultMaxCrashes);
  return JSON.stringify(Object.fromEntries(own.map((task) => [task.name, task.maxCrashes])));
}

/** SQL: how many crashes the row's task may have. */
const maxCrashes = (limits: string) =>
  `coalesce((${limits}::jsonb ->> name)::int, ${defaultMaxCrashes})`;

/** SQL: the lease is over, so the worker is dead, or frozen. */
export const orphaned = `state = 'STARTED' AND lease_until < now()`;

/** SQL: orphaned, and the crash limit is reached. @param limits SQL parameter with {@link crashLimits} */
export const poisoned = (limits: string) => `${orphaned} AND crashes + 1 >= ${maxCrashes(limits)}`;

/** SQL: the task is due, or its worker is gone, and nobody has revoked it. @param limits as above */
export const claimable = (limits: string) => `(NOT blocked AND revoke_requested_at IS NULL
  AND ((state IN ('PENDING', 'RETRY') AND run_at <= now() AND (expires_at IS NULL OR expires_at > now()))
    OR (${orphaned} AND crashes + 1 < ${maxCrashes(limits)})))`;

/**
 * SQL: the task must run alone. Counts the crash that a claim of an orphaned task would add, and makes sure that
 * a task always runs alone once before it reaches its limit.
 */
export const suspect = (limits: string) => `(crashes + (state = 'STARTED')::int
  >= greatest(1, least(${suspectAfter}, ${maxCrashes(limits)} - 1)))`;

const claimedColumns = `id, kind, name, queue, payload, attempt, retries, overrides,
  canvas_id AS "canvasId", concurrency_key AS "concurrencyKey",
  started_at AS "startedAt", owner_id AS "ownerId",
  owner_limit AS "ownerLimit", correlation_id AS "correlationId", wakes,
  CASE WHEN attempt - 1 = ANY(crashed_attempts) THEN NULL
       ELSE (extract(epoch FROM started_at - run_at) * 1000)::float8 END AS "waitedMs"`;

/** Finds the claim of task $1 that process $2 has made, when the answer to the claim was lost. */
export const unheardClaimSql = `
  SELECT ${claimedColumns} FROM tasks
   WHERE id = $1 AND state = 'STARTED' AND process = $2 AND lease_until > clock_timestamp()`;

/**
 * Claims a task. Parameters: $1 id, $2 worker, $3 lease in milliseconds, $4 {@link crashLimits}, $5 process,
 * $6 whether the task would run alone. The lease counts from the moment at which the row is written, since the
 * transaction may have waited for locks.
 *
 * @param condition SQL that must also be true
 * @param set SQL for further columns to set
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
