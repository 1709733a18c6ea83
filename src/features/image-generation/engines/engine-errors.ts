import {
  PermanentTaskError,
  RetryableTaskError,
  Snooze,
} from '../../../tasks/definitions/task-errors.js';

/**
 * Engines throw only {@link EngineError}. Its `kind` says what happened; {@link meanings} says
 * for each kind what becomes of the task, and which code and sentence its user sees.
 *
 * Where they are created: `a1111-http.ts`, no answer; `a1111-refusal.ts`, an answer that refuses;
 * `a1111-result.ts`, pictures that do not match the request; `a1111-knowledge.ts`, fields that the server does not
 * support; `engine-pool.ts`, no server to ask. Errors that HTTP clients get before there is a task are in
 * `image-generation.errors.ts`.
 *
 * - `invalid_request`: the engine refused the request itself; a retry cannot help.
 * - `mismatch`: it drew with another model, seed, size, steps or sampler than asked; a retry would do the same.
 * - `unavailable`: connection refused, or reset before the request was sent, 502/503/504, an HTML page of a gateway,
 *   rate limited; try later.
 * - `failed`: it answered with its own error (500); the request may be the reason.
 * - `out_of_memory`: a smaller batch or another backend may work.
 * - `misconfigured`: credentials or a route are wrong; this backend is out of service until a person acts.
 * - `bad_result`: a 200 whose pictures do not match the request; try again.
 * - `timeout`: one of our deadlines passed.
 * - `unknown_outcome`: the connection broke after the request was sent; look for an orphan, then try again.
 * - `aborted`: our own signal fired.
 */
export type EngineErrorKind =
  | 'invalid_request'
  | 'mismatch'
  | 'unavailable'
  | 'failed'
  | 'out_of_memory'
  | 'misconfigured'
  | 'bad_result'
  | 'timeout'
  | 'unknown_outcome'
  | 'aborted';

export interface EngineErrorDetails {
  cause?: unknown;
  retryAfterSeconds?: number;
  /** The part that the user may see: which field, which model. No address, no text of the engine. */
  shown?: string;
}

/**
 * A failed call to an engine. We write `message` for the operator's log: it may contain the engine's
 * address, but no credential and no part of the engine's answer.
 */
export class EngineError extends Error {
  override readonly name = 'EngineError';

  constructor(
    readonly kind: EngineErrorKind,
    message: string,
    readonly details: EngineErrorDetails = {},
  ) {
    super(message, { cause: details.cause });
  }
}

type Outcome = 'permanent' | 'retryable' | 'snooze';

/**
 * What becomes of the task, and what its user is told. The cause holds the engine's address and the details, for
 * the operator's log.
 */
const meanings: Record<
  Exclude<EngineErrorKind, 'aborted'>,
  [outcome: Outcome, code: string, message: string]
> = {
  invalid_request: ['permanent', 'engine_refused', 'No engine can make this picture'],
  mismatch: ['permanent', 'engine_mismatch', 'The engine did not make the picture asked for'],
  unavailable: ['snooze', 'engine_unavailable', 'No engine can make pictures at the moment'],
  failed: ['retryable', 'engine_failed', 'The engine failed while it made the picture'],
  out_of_memory: ['retryable', 'engine_out_of_memory', 'The picture is too large for the engine'],
  misconfigured: ['retryable', 'engine_misconfigured', 'The engine is not set up correctly'],
  bad_result: ['retryable', 'engine_bad_result', 'The engine sent an invalid result'],
  timeout: ['retryable', 'engine_timeout', 'The engine took too long'],
  unknown_outcome: [
    'retryable',
    'engine_connection_lost',
    'The engine was lost while it made the picture',
  ],
};

/** Wait before the next try when the engine named no time, with jitter so that tasks do not all return at once. Milliseconds. */
const shortestSnoozeMs = 1_000;
const longestSnoozeMs = 3_000;

/**
 * What an engine's error means for the task. Other errors are returned unchanged.
 *
 * @param patienceMs how long a task waits for an engine that is down
 */
export function taskErrorOf(error: unknown, patienceMs: number): unknown {
  if (!(error instanceof EngineError) || error.kind === 'aborted') return error;
  const { shown, retryAfterSeconds } = error.details;
  const [outcome, code, sentence] = meanings[error.kind];
  const message = shown === undefined ? `${sentence}.` : `${sentence}: ${shown}.`;
  const cause = { cause: error };
  switch (outcome) {
    case 'permanent':
      return new PermanentTaskError(code, message, cause);
    case 'retryable':
      return new RetryableTaskError(code, message, cause);
    case 'snooze':
      return new Snooze(snoozeMs(retryAfterSeconds), { code, message, patienceMs, ...cause });
  }
}

function snoozeMs(retryAfterSeconds = 0): number {
  const some = shortestSnoozeMs + (longestSnoozeMs - shortestSnoozeMs) * Math.random();
  return Math.ceil(Math.max(some, retryAfterSeconds * 1000));
}
