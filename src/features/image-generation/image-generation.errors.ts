import { PermanentTaskError, RetryLater, RetryableTaskError } from '../../tasks/task-errors.js';
import { EngineError } from './engines/engine-error.js';

/** What an engine's trouble means for the task. Anything unknown passes as it is. */
export function taskErrorOf(error: unknown): unknown {
  if (!(error instanceof EngineError)) return error;
  const { kind, message, details } = error;
  const options = { cause: error };
  switch (kind) {
    case 'invalid_request':
      return new PermanentTaskError('engine_refused', message, options);
    case 'unavailable':
      return details.retryAfterSeconds === undefined
        ? new RetryableTaskError('engine_unavailable', message, options)
        : new RetryLater(details.retryAfterSeconds * 1000, message, 'engine_unavailable');
    case 'out_of_memory':
      return new RetryableTaskError('engine_out_of_memory', message, options);
    case 'misconfigured':
      return new RetryableTaskError('engine_misconfigured', message, options);
    case 'bad_result':
      return new RetryableTaskError('engine_bad_result', message, options);
    case 'timeout':
      return new RetryableTaskError('engine_timeout', message, options);
    case 'unknown_outcome':
      return new RetryableTaskError('engine_connection_lost', message, options);
    case 'aborted':
      return error;
  }
}
