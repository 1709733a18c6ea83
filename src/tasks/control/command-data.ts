import type { QueueName } from '../queues.js';
import type { ConsumedQueue } from '../workers/queue-workers.js';
import type { PoolStats } from '../workers/task-pool.js';
import type { Rate } from './task-limits.js';

/** What workers answer. It travels as JSON, so moments are ISO 8601 strings. */

export interface Pong {
  pong: true;
}

export interface ActiveTask {
  id: string;
  name: string;
  queue: QueueName;
  attempt: number;
  startedAt: string;
  /** Milliseconds so far. */
  runtimeMs: number;
}

export interface ActiveTasks {
  /** Longest running first, 1,000 at most. */
  tasks: ActiveTask[];
  total: number;
}

/**
 * Taken from the queue and not started. A worker takes a task only when it can run it at once (a
 * prefetch of 1), so this is empty but for the milliseconds of a claim.
 */
export interface ReservedTasks {
  tasks: { id: string; queue: QueueName }[];
  total: number;
}

export interface ScheduledTask {
  id: string;
  name: string;
  queue: QueueName;
  state: 'PENDING' | 'RETRY';
  priority: number;
  /** When it is due. */
  eta: string;
}

/** Delayed and retrying tasks of the worker's queues; workers of the same queue see the same ones. */
export interface ScheduledTasks {
  /** Soonest first, 1,000 at most. */
  tasks: ScheduledTask[];
  total: number;
}

/** Tasks running here that somebody has asked to stop. */
export interface RevokedTasks {
  /** Longest asked first, 1,000 at most. */
  tasks: { id: string; name: string; queue: QueueName; requestedAt: string }[];
}

/** Limits of a task as they are now, set at run time or the definition's. */
export interface EffectiveLimits {
  task: string;
  softTimeLimitMs: number;
  hardTimeLimitMs: number;
  rateLimit: Rate | null;
}

export interface RegisteredTaskInfo extends EffectiveLimits {
  queue: QueueName;
  priority: number;
  maxRetries: number;
  /** Tasks of a key at once, in all workers together. */
  concurrencyLimit: number | null;
}

/** Attempts that ended so; one that went back to the queue unharmed is none. */
export interface OutcomeCounts {
  succeeded: number;
  failed: number;
  retried: number;
  revoked: number;
}

export interface WorkerStatistics {
  host: string;
  pid: number;
  version: string;
  startedAt: string;
  uptimeMs: number;
  rssBytes: number;
  heapUsedBytes: number;
  /** Processor time of the process since its start, milliseconds. */
  cpuUserMs: number;
  cpuSystemMs: number;
  /** Since the start of the process. */
  tasks: OutcomeCounts;
  tasksByName: Record<string, OutcomeCounts>;
  pool: PoolStats & { queues: ConsumedQueue[] };
}

/** Settings by name: those that are known to hold no secret. Stores by host and name only. */
export type WorkerConf = Record<string, string | number | boolean | string[] | null>;

export interface WorkerReport {
  darkroom: string;
  node: string;
  bullmq: string;
  postgres: string;
  queueEngine: 'postgres' | 'redis';
  platform: string;
  arch: string;
  cpus: number;
  /** Of the machine. */
  memoryBytes: number;
}

/** It drains, then ends. */
export interface Stopping {
  stopping: true;
}
