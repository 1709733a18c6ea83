import { revokedFailure, type TaskFailure } from '../definitions/task-errors.js';
import type { FinalState } from '../definitions/task-state.js';
import { poisoned } from './claim-sql.js';

/** Why an open task must not run any more: `poisoned`, its workers have died too often. */
export type Overdue = 'expired' | 'revoked' | 'poisoned';

interface End {
  state: FinalState;
  error: TaskFailure;
  /** SQL: the error of the row, made from `error` as $3. */
  errorSql: string;
  /** SQL: the row is still in this situation. */
  still: string;
}

/** SQL: the message of a task that had already started also says how its last attempt failed. */
const expiredError = `CASE WHEN attempt = 0 THEN $3::jsonb ELSE $3::jsonb || jsonb_build_object(
  'message', 'The task expired after ' || attempt || CASE attempt WHEN 1 THEN ' attempt' ELSE ' attempts' END
    || coalesce('. The last one failed with ' || (error->>'code') || ': ' || (error->>'message'),
                ' that did not end.')) END`;

/** How each of them ends. $5 in `poisoned` is {@link crashLimits}. */
export const overdueEnds: Record<Overdue, End> = {
  expired: {
    state: 'REVOKED',
    error: {
      code: 'expired',
      message: 'The task expired before it could run.',
      retryable: false,
    },
    errorSql: expiredError,
    still: `state IN ('PENDING', 'RETRY') AND expires_at <= now()`,
  },
  revoked: {
    state: 'REVOKED',
    error: revokedFailure,
    errorSql: '$3::jsonb',
    still: `revoke_requested_at IS NOT NULL AND finished_at IS NULL
        AND (lease_until IS NULL OR lease_until < now())`,
  },
  poisoned: {
    state: 'FAILURE',
    error: {
      code: 'poison_task',
      message: 'The task was stopped: its worker died too often while running it.',
      retryable: false,
    },
    errorSql: '$3::jsonb',
    still: poisoned('$5'),
  },
};
