/** One change of an SQL text, which Stryker cannot make. Some test has to fail with it. */
export interface SqlMutant {
  /** In `src`, without `.ts`. */
  file: string;
  /** Occurs once in the file. */
  from: string;
  to: string;
}

type Change = [from: string, to: string];

const changes: Record<string, Change[]> = {
  'features/credits/credit-accounts': [
    ["'SKIP LOCKED'", "''"],
    ["FOR NO KEY UPDATE OF a ${busy === 'skip' ? 'SKIP LOCKED' : ''}", ''],
    ['AND u.deleted_at IS NULL ORDER BY', 'ORDER BY'],
    ['ON CONFLICT DO NOTHING RETURNING', 'RETURNING'],
    ['ANY($1) AND deleted_at IS NULL', 'ANY($1)'],
  ],
  'features/credits/credit-holds': [
    ['ON CONFLICT (task_id, kind) DO NOTHING', ''],
    ['balance = a.balance - amount', 'balance = a.balance'],
    ['held = a.held + amount', 'held = a.held'],
    ['open_tasks = a.open_tasks + tasks', 'open_tasks = a.open_tasks + 1'],
    ['minute_requests = use."minuteRequests"', 'minute_requests = a.minute_requests'],
    ['minute_start = use."minuteStart"', 'minute_start = a.minute_start'],
    ['day = use.day', 'day = a.day'],
    ['day_images = use."dayImages"', 'day_images = a.day_images'],
  ],
  'features/credits/credit-grants': [
    ['ON CONFLICT (user_id, reference) DO NOTHING RETURNING id', 'RETURNING id'],
    ['ON CONFLICT (task_id, kind) DO NOTHING', ''],
    ["kind = 'capture'", "kind = 'hold'"],
    ["ELSE 'standard' END", 'ELSE u.plan END'],
    ['FOR NO KEY UPDATE OF a SKIP LOCKED', 'FOR NO KEY UPDATE OF a'],
  ],
  'tasks/ledger/claim-sql': [
    [' AND lease_until < now()', ''],
    ['crashes + 1 >= ', 'crashes + 1 > '],
    ['crashes + 1 < ', 'crashes + 1 <= '],
    ['(NOT blocked AND', '('],
    ['AND revoke_requested_at IS NULL', ''],
    ['run_at <= now()', 'true'],
    ['(expires_at IS NULL OR expires_at > now())', 'true'],
    ["(crashes + (state = 'STARTED')::int", '(crashes'],
    ['>= greatest(1', '> greatest(1'],
    ['greatest(1', 'greatest(0'],
    ['- 1)))`', ')))`'],
    ['AND process = $2', 'AND $2::text IS NOT NULL'],
    ['AND lease_until > clock_timestamp()', ''],
    ['attempt = attempt + 1', 'attempt = attempt'],
    ['progress = NULL, ', ''],
    ["crashes = crashes + (state = 'STARTED')::int", 'crashes = crashes'],
    ['crashed_attempts || attempt', 'crashed_attempts'],
    ['lease_until = clock_timestamp()', 'lease_until = now()'],
    ['$6::boolean OR NOT', '$6::boolean IS NOT NULL OR NOT'],
  ],
  'tasks/ledger/task-claims': [
    ['name = ANY($8)) AND', 'true) AND'],
    ['name <> ALL($7)', '$7::text[] IS NOT NULL'],
    ['finished_at IS NULL AND NOT blocked', 'finished_at IS NULL'],
    ['finished_at IS NULL AND NOT blocked', 'NOT blocked'],
  ],
  'tasks/ledger/task-transitions': [
    [
      "attempt = $2 AND state = 'STARTED' AND revoke_requested_at IS NULL`",
      "$2::int IS NOT NULL AND state = 'STARTED' AND revoke_requested_at IS NULL`",
    ],
    [
      "attempt = $2 AND state = 'STARTED' AND revoke_requested_at IS NULL`",
      'attempt = $2 AND revoke_requested_at IS NULL`',
    ],
    [' AND revoke_requested_at IS NULL`', '`'],
    ['${held} FOR UPDATE`', '${held}`'],
    ["'SUCCESS', error = NULL", "'SUCCESS'"],
    ['CASE WHEN forgotten THEN NULL ELSE $3::jsonb END', '$3::jsonb'],
    ['result_expires_at = now() + $4', 'result_expires_at = now() - $4'],
    ['retries = retries + 1', 'retries = retries'],
    ['progress = NULL, snoozed_since = NULL,', 'progress = NULL,'],
    [
      "CASE WHEN retries > 0 THEN 'RETRY' ELSE 'PENDING' END,\n              lease_until",
      "'PENDING',\n              lease_until",
    ],
    ["CASE WHEN retries > 0 THEN 'RETRY' ELSE 'PENDING' END, error", "'PENDING', error"],
    ['snoozed_since = coalesce(snoozed_since, now())', 'snoozed_since = now()'],
    ['AND revoke_requested_at IS NOT NULL', ''],
    ['crashes = crashes + $4', 'crashes = crashes + 0 * $4'],
    [
      "SET progress = $3 WHERE id = $1 AND attempt = $2 AND state = 'STARTED'",
      "SET progress = $3 WHERE id = $1 AND $2::int IS NOT NULL AND state = 'STARTED'",
    ],
    [
      "SET progress = $3 WHERE id = $1 AND attempt = $2 AND state = 'STARTED'",
      'SET progress = $3 WHERE id = $1 AND attempt = $2',
    ],
  ],
  'tasks/ledger/task-leases': [
    ['FOR UPDATE OF t SKIP LOCKED', 'FOR UPDATE OF t'],
    ['lease_until = now() + $3', 'lease_until = now() - $3'],
    ['AND $2 = ANY(crashed_attempts)', ''],
    ['attempt > $2', 'attempt >= $2'],
    [
      "attempt = $2 AND state = 'STARTED' RETURNING",
      "$2::int IS NOT NULL AND state = 'STARTED' RETURNING",
    ],
  ],
  'tasks/ledger/overdue': [
    [' AND expires_at <= now()', ''],
    ["state IN ('PENDING', 'RETRY') AND ", ''],
    ['(lease_until IS NULL OR lease_until < now())', 'true'],
    ['AND finished_at IS NULL', ''],
    ["CASE attempt WHEN 1 THEN ' attempt' ELSE ' attempts' END", "' attempts'"],
  ],
  'tasks/ending/task-revocations': [
    ['coalesce(revoke_requested_at, now())', 'now()'],
    ['= ANY($1) AND finished_at IS NULL', '= ANY($1)'],
    ['WHERE task.finished_at IS NULL', ''],
    [' FOR UPDATE OF task', ''],
  ],
  'tasks/limits/fair-shares': [
    [
      'ORDER BY priority, fair_start, id LIMIT 1 FOR UPDATE SKIP LOCKED',
      'ORDER BY priority, fair_start, id LIMIT 1 FOR UPDATE',
    ],
    ['ORDER BY priority, fair_start, id LIMIT 1 FOR', 'ORDER BY priority, id LIMIT 1 FOR'],
    ['ORDER BY priority, fair_start, id LIMIT 1 FOR', 'ORDER BY fair_start, id LIMIT 1 FOR'],
    ['ORDER BY priority, fair_start NULLS FIRST', 'ORDER BY fair_start NULLS FIRST'],
    ['NULLS FIRST', 'NULLS LAST'],
    ["AND ${ownerHasPlace('busy')}", ''],
  ],
  'tasks/limits/owner-limits': [
    [' AND lease_until >= now()`', '`'],
    ['owner_limit > coalesce(', 'owner_limit >= coalesce('],
    ['AND ${isRunning} AND id <> $3', 'AND id <> $3'],
    [' AND id <> $3', ''],
    ['LIMIT greatest(0, $3 -', 'LIMIT greatest(0, 0 * $3 -'],
  ],
  'tasks/ledger/task-inserts': [
    ["WHERE ${sameLine} AND state = 'STARTED' ORDER BY", 'WHERE false ORDER BY'],
    ["state IN ('PENDING', 'RETRY') AND NOT blocked", 'false'],
  ],
};

export const sqlMutants: SqlMutant[] = Object.entries(changes).flatMap(([file, all]) =>
  all.map(([from, to]) => ({ file, from, to })),
);
