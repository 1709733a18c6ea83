import { PermanentTaskError, RetryableTaskError, Snooze } from '../../tasks/task-errors.js';
import { EngineError } from './engines/engine-error.js';

/** Before another look when the engine named no time; more for some, so that not all come at once. Milliseconds. */
const shortestSnoozeMs = 1_000;
const longestSnoozeMs = 3_000;

/**
 * What an engine's trouble means for the task. Anything unknown passes as it is.
 *
 * @param patienceMs how long a task waits for an engine that is away
 */
export function taskErrorOf(error: unknown, patienceMs: number): unknown {
  if (!(error instanceof EngineError)) return error;
  const { kind, message, details } = error;
  const options = { cause: error };
  switch (kind) {
    case 'invalid_request':
      return new PermanentTaskError('engine_refused', message, options);
    case 'unavailable':
      return new Snooze(snoozeMs(details.retryAfterSeconds), {
        ...options,
        code: 'engine_unavailable',
        message,
        patienceMs,
      });
    case 'failed':
      return new RetryableTaskError('engine_failed', message, options);
    case 'out_of_memory':
      return new RetryableTaskError('engine_out_of_memory', message, options);
    case 'misconfigured':
      return new RetryableTaskError('engine_misconfigured', message, options);
    case 'bad_result':
      return new RetryableTaskError('engine_bad_result', message, options);
    case 'mismatch':
      return new PermanentTaskError('engine_mismatch', message, options);
    case 'timeout':
      return new RetryableTaskError('engine_timeout', message, options);
    case 'unknown_outcome':
      return new RetryableTaskError('engine_connection_lost', message, options);
    case 'aborted':
      return error;
  }
}

function snoozeMs(retryAfterSeconds = 0): number {
  const some = shortestSnoozeMs + (longestSnoozeMs - shortestSnoozeMs) * Math.random();
  return Math.ceil(Math.max(some, retryAfterSeconds * 1000));
}
