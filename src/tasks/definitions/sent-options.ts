import type { QueueName } from './queues.js';
import type { RetryPolicy } from './retry-policy.js';
import type { TaskDefinition, TaskOverrides } from './task-definition.js';

/** What a sender may set for one task. The definition decides the rest. */
export interface SentOptions {
  /** Another queue than the definition's. */
  queue?: QueueName;
  /** 0 (first) … 9 (last). */
  priority?: number;
  /** Milliseconds to wait before it runs (`countdown`); for a later step of a canvas, counted from its turn. */
  delayMs?: number;
  /** Earliest time to run (`eta`). Cannot be combined with `delayMs`. */
  runAt?: Date;
  /**
   * Milliseconds after which a task that has not started becomes REVOKED (`expired`); for a later step of a
   * canvas, counted from its turn.
   */
  expiresInMs?: number;
  retry?: Partial<RetryPolicy>;
  /** Milliseconds, up to 2³¹ − 1. */
  softTimeLimitMs?: number;
  /** Milliseconds, up to 2³¹ − 1. */
  hardTimeLimitMs?: number;
}

/** The options as they are stored with a task. */
export interface DecidedOptions {
  queue: QueueName;
  /** 0 (first) … 9 (last). */
  priority: number;
  delayMs: number;
  /** ISO 8601; null: `delayMs` applies. */
  runAt: string | null;
  expiresInMs: number | null;
  overrides: TaskOverrides | null;
}

/** The longest timer of Node.js; a longer one fires at once. Milliseconds. */
const longestTimerMs = 2 ** 31 - 1;

/** A century, by which any date in Postgres can safely be moved. Milliseconds. */
const longestMs = 100 * 366 * 86_400_000;

/** The sender's options, completed by those of the definition. */
export function decidedOptions(definition: TaskDefinition, options: SentOptions): DecidedOptions {
  const { retry, softTimeLimitMs, hardTimeLimitMs } = options;
  const overrides: TaskOverrides = {
    ...(retry && { retry }),
    ...(softTimeLimitMs !== undefined && { softTimeLimitMs }),
    ...(hardTimeLimitMs !== undefined && { hardTimeLimitMs }),
  };
  return {
    queue: options.queue ?? definition.queue,
    priority: options.priority ?? definition.priority,
    delayMs: options.delayMs ?? 0,
    runAt: options.runAt?.toISOString() ?? null,
    expiresInMs: options.expiresInMs ?? null,
    overrides: Object.keys(overrides).length > 0 ? overrides : null,
  };
}

/** Checks the sender's options. @throws RangeError when one is invalid */
export function checkOptions(options: SentOptions): void {
  const { priority, delayMs, runAt, expiresInMs, softTimeLimitMs, hardTimeLimitMs } = options;
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 9)) {
    throw new RangeError(`priority is ${priority}; it goes from 0 (first) to 9 (last)`);
  }
  if (delayMs !== undefined && runAt !== undefined) {
    throw new RangeError('delayMs and runAt cannot be combined');
  }
  if (runAt !== undefined && Number.isNaN(runAt.getTime())) {
    throw new RangeError('runAt is not a valid date');
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
