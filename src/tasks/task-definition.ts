import type { z } from 'zod';
import type { QueueName } from './queues.js';

/** When a failed task runs again. */
export interface RetryPolicy {
  /** Retries after the first attempt. Crashes of a worker are counted apart. */
  max: number;
  /** Milliseconds before the first retry. */
  delayMs: number;
  /** `fixed`: always `delayMs`; `exponential`: doubled each time. */
  backoff: 'fixed' | 'exponential';
  /** Longest delay of an exponential backoff, milliseconds. */
  maxDelayMs: number;
  /** 0 … 1: the part of each delay that is random, so that many tasks do not return at once. */
  jitter: number;
}

/** One kind of task: its name, where it runs, the shapes it takes and gives, its limits. */
export interface TaskDefinition<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  /** Literal and unique; stored with each task, so it never changes. */
  readonly name: string;
  readonly queue: QueueName;
  /** Validated on send and again on run. JSON, ids instead of contents, no secrets, ≤ 64 KB. */
  readonly payload: P;
  readonly result: R;
  /** 0 (first) … 9 (last), when the sender names none. */
  readonly priority: number;
  readonly retry: RetryPolicy;
  /** Milliseconds after which the handler's signal fires with `SoftTimeLimitExceeded`. */
  readonly softTimeLimitMs: number;
  /** Milliseconds after which the task is FAILURE (`time_limit`), whatever the handler does. */
  readonly hardTimeLimitMs: number;
  /** Milliseconds that a result is kept after the end; null: as long as the task. */
  readonly resultExpiresMs: number | null;
  /** Deaths of its process, each while the task ran, after which the task is FAILURE (`poison_task`). */
  readonly maxCrashes: number;
  readonly once: Once<z.output<P>> | null;
  readonly rateLimit: RateLimit<z.output<P>> | null;
  readonly concurrencyLimit: ConcurrencyLimit<z.output<P>> | null;
}

/** What a sender has decided against the definition, for one task. */
export interface TaskOverrides {
  retry?: Partial<RetryPolicy>;
  softTimeLimitMs?: number;
  hardTimeLimitMs?: number;
}

/** While a task with the same key is open, sending again gives that one's id. */
export interface Once<P> {
  /** Default: one key for the whole definition. At most 200 characters. */
  key?(payload: P): string;
  /** Milliseconds after which a new task is made although the first one is still open. */
  ttlMs: number;
}

/** At most `limit` starts in any `perMs` milliseconds, by all workers together. */
export interface RateLimit<P> {
  limit: number;
  perMs: number;
  /** Default: one limit for the whole definition. At most 200 characters. */
  key?(payload: P): string;
}

/** At most `limit` tasks running at once, in all workers together. */
export interface ConcurrencyLimit<P> {
  limit: number;
  /** Default: one limit for the whole definition. At most 200 characters. */
  key?(payload: P): string;
}

export type PayloadInput<D extends TaskDefinition> = z.input<D['payload']>;
export type Payload<D extends TaskDefinition> = z.output<D['payload']>;
export type ResultInput<D extends TaskDefinition> = z.input<D['result']>;
export type Result<D extends TaskDefinition> = z.output<D['result']>;

/** The original's numbers: 3 retries, 60 s apart; soft limit 540 s, hard limit 600 s. */
export const defaultRetry: RetryPolicy = {
  max: 3,
  delayMs: 60_000,
  backoff: 'fixed',
  maxDelayMs: 3_600_000,
  jitter: 0,
};
const defaultSoftTimeLimitMs = 540_000;
const defaultHardTimeLimitMs = 600_000;
/** Generous: a host that restarts again and again is not the fault of its tasks. */
export const defaultMaxCrashes = 10;
/** `result_expires` of the original. */
const defaultResultExpiresMs = 3_600_000;

export interface TaskOptions<P extends z.ZodType, R extends z.ZodType> {
  name: string;
  queue: QueueName;
  payload: P;
  result: R;
  priority?: number;
  retry?: Partial<RetryPolicy>;
  softTimeLimitMs?: number;
  hardTimeLimitMs?: number;
  resultExpiresMs?: number | null;
  maxCrashes?: number;
  once?: Once<z.output<P>>;
  rateLimit?: RateLimit<z.output<P>>;
  concurrencyLimit?: ConcurrencyLimit<z.output<P>>;
}

const defined = new Map<string, TaskDefinition>();

/**
 * Defines a task. Sending needs only the constant; running needs one method marked
 * `@HandlesTask(definition)` in a provider of the worker.
 *
 * @throws Error when the name is taken or a limit makes no sense: at import, so at start
 */
export function defineTask<P extends z.ZodType, R extends z.ZodType>(
  options: TaskOptions<P, R>,
): TaskDefinition<P, R> {
  const definition: TaskDefinition<P, R> = {
    priority: 5,
    softTimeLimitMs: defaultSoftTimeLimitMs,
    hardTimeLimitMs: defaultHardTimeLimitMs,
    resultExpiresMs: defaultResultExpiresMs,
    maxCrashes: defaultMaxCrashes,
    once: null,
    rateLimit: null,
    concurrencyLimit: null,
    ...options,
    retry: { ...defaultRetry, ...options.retry },
  };
  if (defined.has(definition.name)) {
    throw new Error(`Two tasks are named "${definition.name}". Rename one of them.`);
  }
  if (!Number.isInteger(definition.maxCrashes) || definition.maxCrashes < 1) {
    throw new Error(`Task "${definition.name}": maxCrashes is no whole number above 0.`);
  }
  if (definition.softTimeLimitMs > definition.hardTimeLimitMs) {
    throw new Error(`Task "${definition.name}": the soft time limit is above the hard one.`);
  }
  defined.set(definition.name, definition);
  return definition;
}

/** Every task defined by the modules that this process has loaded. */
export function definedTasks(): TaskDefinition[] {
  return [...defined.values()];
}

/** Milliseconds before retry number `retry` (1 for the first). */
export function retryDelayMs(policy: RetryPolicy, retry: number, random = Math.random): number {
  const full =
    policy.backoff === 'fixed'
      ? policy.delayMs
      : Math.min(policy.maxDelayMs, policy.delayMs * 2 ** Math.min(retry - 1, 30));
  return Math.round(full * (1 - policy.jitter * random()));
}
