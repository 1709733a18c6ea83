import type { z } from 'zod';
import type { QueueName } from './queues.js';
import { defaultRetry, type RetryPolicy } from './retry-policy.js';

/** One kind of task: its name, its queue, the schemas of its payload and result, its limits. */
export interface TaskDefinition<P extends z.ZodType = z.ZodType, R extends z.ZodType = z.ZodType> {
  /** Literal and unique; stored with each task, so it never changes. */
  readonly name: string;
  readonly queue: QueueName;
  /** Validated when the task is sent and again when it runs. JSON of at most 64 KiB; ids instead of contents, no secrets. */
  readonly payload: P;
  readonly result: R;
  /** 0 (first) … 9 (last); used when the sender gives none. */
  readonly priority: number;
  readonly retry: RetryPolicy;
  /** Milliseconds after which the handler's signal is aborted with `SoftTimeLimitExceeded`. */
  readonly softTimeLimitMs: number;
  /** Milliseconds after which the task is FAILURE (`time_limit`), whatever the handler does. */
  readonly hardTimeLimitMs: number;
  /** How long a result is kept after the task has ended, in milliseconds; null: as long as the task. */
  readonly resultExpiresMs: number | null;
  /** How often the worker process may die while it runs the task; then the task is FAILURE (`poison_task`). */
  readonly maxCrashes: number;
  /** The tasks belong to a user: sending one without `ownerId` is refused. */
  readonly needsOwner: boolean;
  /** Something that we do for another task of a user. Its history has only what went wrong. */
  readonly chore: boolean;
  readonly once: Once<z.output<P>> | null;
  readonly rateLimit: RateLimit<z.output<P>> | null;
  readonly concurrencyLimit: ConcurrencyLimit<z.output<P>> | null;
  readonly fairShare: FairShare<z.output<P>> | null;
  /** Names of the payload's fields in the order of a call's arguments, as Celery's tasks have them. */
  readonly args: readonly string[] | null;
  /**
   * Sent when a task of this definition has ended, however that was: SUCCESS, FAILURE or REVOKED. It is stored in the
   * transaction of the end, exactly once, with the same owner.
   */
  readonly followUp: FollowUpTask | null;
}

/** The definition of a task that follows another one. It reads how that one ended from the ledger. */
export type FollowUpTask = TaskDefinition<z.ZodType<FollowUpPayload>>;

export interface FollowUpPayload {
  /** Id of the task that has ended. */
  task_id: string;
}

/** What a sender has changed for one task; the rest comes from the definition. Times in milliseconds. */
export interface TaskOverrides {
  retry?: Partial<RetryPolicy>;
  softTimeLimitMs?: number;
  hardTimeLimitMs?: number;
}

/** While a task with the same key is open, sending another returns the handle of the open one. */
export interface Once<P> {
  /** Default: one key for the whole definition. At most 200 characters. */
  key?(payload: P): string;
  /** Milliseconds after which a new task is made even though the first one is still open. */
  ttlMs: number;
}

/** At most `limit` starts in any `perMs` milliseconds, in all workers together. */
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

/** Owners of waiting tasks get equal shares of the workers, within each priority. Tasks without an owner are not shared. */
export interface FairShare<P> {
  /** How much of its owner's share a task takes up, for example its estimated seconds. Above 0. */
  cost(payload: P): number;
}

export type PayloadInput<D extends TaskDefinition> = z.input<D['payload']>;
export type Payload<D extends TaskDefinition> = z.output<D['payload']>;
export type ResultInput<D extends TaskDefinition> = z.input<D['result']>;
export type Result<D extends TaskDefinition> = z.output<D['result']>;

/** The original's defaults: soft limit 540 s, hard limit 600 s. */
const defaultSoftTimeLimitMs = 540_000;
const defaultHardTimeLimitMs = 600_000;
/** Generous: tasks are not to blame for a host that keeps restarting. */
export const defaultMaxCrashes = 10;
/** The original's `result_expires`. */
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
  needsOwner?: boolean;
  chore?: boolean;
  once?: Once<z.output<P>>;
  rateLimit?: RateLimit<z.output<P>>;
  concurrencyLimit?: ConcurrencyLimit<z.output<P>>;
  fairShare?: FairShare<z.output<P>>;
  followUp?: FollowUpTask;
  args?: readonly string[];
}

const defined = new Map<string, TaskDefinition>();

/**
 * Defines a task. Sending needs only the constant; running needs one method marked
 * `@HandlesTask(definition)` in a provider of the worker.
 *
 * @throws Error when the name is taken or a limit is invalid: at import, so when the process starts
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
    needsOwner: false,
    chore: false,
    once: null,
    rateLimit: null,
    concurrencyLimit: null,
    fairShare: null,
    followUp: null,
    args: null,
    ...options,
    retry: { ...defaultRetry, ...options.retry },
  };
  if (defined.has(definition.name)) {
    throw new Error(`Two tasks are named "${definition.name}". Rename one of them.`);
  }
  if (!Number.isInteger(definition.maxCrashes) || definition.maxCrashes < 1) {
    throw new Error(`Task "${definition.name}": maxCrashes must be a whole number above 0.`);
  }
  if (definition.softTimeLimitMs > definition.hardTimeLimitMs) {
    throw new Error(`Task "${definition.name}": the soft time limit is above the hard one.`);
  }
  defined.set(definition.name, definition);
  return definition;
}

/** All tasks that the loaded modules of this process define. */
export function definedTasks(): TaskDefinition[] {
  return [...defined.values()];
}

/** The definition of this name; undefined when no loaded module defines it. */
export function definitionOf(name: string): TaskDefinition | undefined {
  return defined.get(name);
}
