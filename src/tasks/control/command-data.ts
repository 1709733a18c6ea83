import type { QueueName } from '../definitions/queues.js';
import type { Rate } from '../limits/task-limits.js';
import type { PoolStats } from '../pools/task-pool.js';
import type { ConsumedQueue } from '../workers/queue-workers.js';

/** What workers answer to each command. Answers travel as JSON, so every time is an ISO 8601 string. */

export interface Pong {
  pong: true;
}

export interface ActiveTask {
  id: string;
  name: string;
  queue: QueueName;
  attempt: number;
  startedAt: string;
  /** How long it has been running, in milliseconds. */
  runtimeMs: number;
}

export interface ActiveTasks {
  /** Longest running first; at most 1,000. */
  tasks: ActiveTask[];
  total: number;
}

/**
 * Tasks that the worker has taken from its queue and not started yet. A worker takes a task only when it
 * has a free place for it, so the list is empty except during the few milliseconds of a claim.
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

/** Delayed and retrying tasks of the worker's queues. Workers that serve the same queue list the same tasks. */
export interface ScheduledTasks {
  /** Soonest first; at most 1,000. */
  tasks: ScheduledTask[];
  total: number;
}

/** Running tasks of this worker that somebody has revoked. */
export interface RevokedTasks {
  /** Oldest request first; at most 1,000. */
  tasks: { id: string; name: string; queue: QueueName; requestedAt: string }[];
}

/** The limits of a task that apply now: those set at run time, else the definition's. Times in milliseconds. */
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
  /** How many tasks of one key may run at once, in all workers together; null: no limit. */
  concurrencyLimit: number | null;
}

/** Number of attempts by outcome. An attempt that only went back to the queue is not counted. */
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
  /** Milliseconds since the process started. */
  uptimeMs: number;
  rssBytes: number;
  heapUsedBytes: number;
  /** Processor time since the process started, in milliseconds. */
  cpuUserMs: number;
  cpuSystemMs: number;
  /** Since the process started. */
  tasks: OutcomeCounts;
  tasksByName: Record<string, OutcomeCounts>;
  pool: PoolStats & { queues: ConsumedQueue[] };
}

/** Settings by name. Only settings without secrets are listed; stores appear as host and database name. */
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
  /** Memory of the machine. */
  memoryBytes: number;
}

/** The worker drains, then its process exits. */
export interface Stopping {
  stopping: true;
}
