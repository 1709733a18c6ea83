import { AsyncLocalStorage } from 'node:async_hooks';
import { UnavailableError } from '../../common/app-error.js';
import { within } from '../../common/deadline.js';

/**
 * The time that one request may still wait for the database, over all its statements. Time that it spends elsewhere is
 * given back, up to its patience, so a long poll or a stream of hours does not use it up. Monotonic milliseconds.
 */
class RequestTime {
  private asking = 0;
  private leftMs: number;
  private since = performance.now();

  constructor(private readonly patienceMs: number) {
    this.leftMs = patienceMs;
  }

  /** @returns milliseconds that are left; 0 or less when the time is up */
  begin(): number {
    const passedMs = this.passedMs();
    this.leftMs = Math.min(this.patienceMs, this.leftMs + (this.asking > 0 ? -passedMs : passedMs));
    this.asking += 1;
    return this.leftMs;
  }

  over(): void {
    this.leftMs -= this.passedMs();
    this.asking -= 1;
  }

  private passedMs(): number {
    const before = this.since;
    this.since = performance.now();
    return this.since - before;
  }
}

const requests = new AsyncLocalStorage<RequestTime>();

/**
 * Runs `work` for one request, whose client is waiting.
 *
 * @param patienceMs milliseconds that all its statements together may take
 */
export function forRequest(patienceMs: number, work: () => void): void {
  requests.run(new RequestTime(patienceMs), work);
}

/**
 * Runs work that a request has started but does not wait for, or that goes on after its answer has begun. It has no
 * deadline but that of each statement.
 */
export function unhurried<T>(work: () => T): T {
  return requests.exit(work);
}

/**
 * Inside a request: fails when the request's time for the database is up. `work` is not cancelled and may still succeed
 * later, as after any 503; an Idempotency-Key makes a repeat safe. Outside a request there is no deadline.
 *
 * @throws UnavailableError
 */
export async function inRequestTime<T>(work: () => Promise<T>): Promise<T> {
  const time = requests.getStore();
  if (!time) return work();
  const leftMs = time.begin();
  try {
    if (leftMs <= 0) throw tooLate();
    return await within(leftMs, work(), tooLate);
  } finally {
    time.over();
  }
}

function tooLate(cause?: unknown): UnavailableError {
  return new UnavailableError('The database does not answer just now.', cause);
}
