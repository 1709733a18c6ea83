import type { RetryPolicy } from '../task-definition.js';
import type { NodeOptions } from './canvas.js';

/** Timers of Node end here, and fire at once above. Milliseconds. */
const longestTimerMs = 2 ** 31 - 1;

/** A century: what a date in Postgres can be moved by without a thought. Milliseconds. */
const longestMs = 100 * 366 * 86_400_000;

/** Those of a node, and of the nodes above it for what it does not say itself. */
export function optionsWithin(above: NodeOptions, own: NodeOptions): NodeOptions {
  const { delayMs, runAt, ...others } = above;
  // One word about its start is all about its start.
  const start = own.delayMs === undefined && own.runAt === undefined;
  return {
    ...others,
    ...(start && delayMs !== undefined && { delayMs }),
    ...(start && runAt !== undefined && { runAt }),
    ...own,
  };
}

/** @throws RangeError */
export function checkOptions(options: NodeOptions): void {
  const { priority, delayMs, runAt, expiresInMs, softTimeLimitMs, hardTimeLimitMs } = options;
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 9)) {
    throw new RangeError(`priority is ${priority}; it goes from 0 (first) to 9 (last)`);
  }
  if (delayMs !== undefined && runAt !== undefined) {
    throw new RangeError('delayMs and runAt exclude each other');
  }
  if (runAt !== undefined && Number.isNaN(runAt.getTime())) {
    throw new RangeError('runAt is no date');
  }
  checkTimes({ delayMs, expiresInMs });
  for (const [name, ms] of Object.entries({ softTimeLimitMs, hardTimeLimitMs })) {
    if (ms === undefined || (ms > 0 && ms <= longestTimerMs)) continue;
    throw new RangeError(`${name} is ${ms}; it goes from 1 to ${longestTimerMs} milliseconds`);
  }
  if ((softTimeLimitMs ?? 0) > (hardTimeLimitMs ?? Infinity)) {
    throw new RangeError('softTimeLimitMs is above hardTimeLimitMs');
  }
  if (options.retry) checkRetry(options.retry);
}

function checkRetry({ max, delayMs, maxDelayMs, jitter }: Partial<RetryPolicy>): void {
  if (max !== undefined && !(Number.isSafeInteger(max) && max >= 0)) {
    throw new RangeError(`retry.max is ${max}; it is a number of retries, from 0`);
  }
  checkTimes({ 'retry.delayMs': delayMs, 'retry.maxDelayMs': maxDelayMs });
  if (jitter !== undefined && !(jitter >= 0 && jitter <= 1)) {
    throw new RangeError(`retry.jitter is ${jitter}; it goes from 0 to 1`);
  }
}

function checkTimes(times: Record<string, number | undefined>): void {
  for (const [name, ms] of Object.entries(times)) {
    if (ms === undefined || (ms >= 0 && ms <= longestMs)) continue;
    throw new RangeError(`${name} is ${ms}; it is a number of milliseconds, a century at most`);
  }
}
