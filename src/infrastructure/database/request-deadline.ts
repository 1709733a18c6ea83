import { AsyncLocalStorage } from 'node:async_hooks';
import { UnavailableError } from '../../common/app-error.js';
import { within } from '../../common/deadline.js';

/**
 * Longest wait of a request for the database: with it 503 comes within ten seconds. A worker waits as long as
 * its statements may take.
 */
const requestPatienceMs = 8_000;

const requests = new AsyncLocalStorage<true>();

/** Whatever `work` begins is done for a request, whose client waits. */
export function forRequest(work: () => void): void {
  requests.run(true, work);
}

/**
 * For a request: fails when `work` takes too long. It is left alone then and may still be done later, as after
 * any 503: an Idempotency-Key makes the repeat safe. Elsewhere `work` takes as long as it takes.
 *
 * @throws UnavailableError
 */
export function inRequestTime<T>(work: () => Promise<T>): Promise<T> {
  if (!requests.getStore()) return work();
  return within(
    requestPatienceMs,
    work(),
    (late) => new UnavailableError('The database does not answer just now.', late),
  );
}
