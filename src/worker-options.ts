import type { z } from 'zod';
import {
  concurrency,
  maxMemoryMb,
  maxTasks,
  workerPools,
  type WorkerPool,
} from './config/environment-values.js';
import { parseQueueNames, type QueueName } from './tasks/definitions/queues.js';

/** How a worker is started. Undefined options come from the environment. */
export interface WorkerOptions {
  queues: QueueName[];
  /** Unique among workers; `%h` stands for the host. */
  name?: string | undefined;
  pool?: WorkerPool | undefined;
  /** Tasks at once on each queue. */
  concurrency?: number | undefined;
  /** 0: no limit. */
  maxTasksPerChild?: number | undefined;
  maxMemoryPerChildMb?: number | undefined;
}

/** The options as typed. */
export interface TypedWorkerOptions {
  queues?: string | undefined;
  name?: string | undefined;
  pool?: string | undefined;
  concurrency?: string | undefined;
  'max-tasks-per-child'?: string | undefined;
  'max-memory-per-child'?: string | undefined;
}

/** @throws Error naming the option and its problem */
export function parseWorkerOptions(typed: TypedWorkerOptions): WorkerOptions {
  const value = <T>(name: keyof TypedWorkerOptions, schema: z.ZodType<T>): T | undefined => {
    if (typed[name] === undefined) return undefined;
    const parsed = schema.safeParse(typed[name]);
    if (parsed.success) return parsed.data;
    throw new Error(`--${name} ${typed[name]} is wrong: ${parsed.error.issues[0]!.message}.`);
  };
  return {
    queues: parseQueueNames(typed.queues ?? 'all'),
    name: typed.name,
    pool: value('pool', workerPools),
    concurrency: value('concurrency', concurrency),
    maxTasksPerChild: value('max-tasks-per-child', maxTasks),
    maxMemoryPerChildMb: value('max-memory-per-child', maxMemoryMb),
  };
}
