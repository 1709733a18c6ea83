import type { QueueName } from '../queues.js';
import type { TaskProgress } from '../task-context.js';

/** What every event of a task says. Never its payload or its result. */
interface OfTask {
  /** ISO 8601, by the clock of the process that tells. */
  at: string;
  taskId: string;
  name: string;
  queue: QueueName;
}

/** What every event of an attempt says. */
interface OfAttempt extends OfTask {
  /** Name of the worker that runs, or ran, the attempt. */
  worker: string;
  /** 1 for the first. 0: no attempt was made. */
  attempt: number;
}

/** Committed and on its way to its queue. */
export interface TaskSent extends OfTask {
  type: 'task-sent';
  /** 0 (first) … 9 (last). */
  priority: number;
  /** Milliseconds until it is due. */
  delayMs: number;
}

/** A worker has claimed it. */
export interface TaskStarted extends OfAttempt {
  type: 'task-started';
}

/** At most twice a second for each running task. */
export interface TaskProgressed extends OfAttempt {
  type: 'task-progress';
  progress: TaskProgress;
}

/** SUCCESS. */
export interface TaskSucceeded extends OfAttempt {
  type: 'task-succeeded';
  /** Milliseconds from the claim to the end; null: a chain, group or chord. */
  runtimeMs: number | null;
}

/** RETRY: this attempt failed, another follows. */
export interface TaskRetried extends OfAttempt {
  type: 'task-retried';
  runtimeMs: number;
  /** Code of the failure. */
  code: string;
  /** Milliseconds until the next attempt. */
  inMs: number;
}

/** FAILURE. */
export interface TaskFailed extends OfAttempt {
  type: 'task-failed';
  /** Milliseconds; null when it failed without running, as a poison task does. */
  runtimeMs: number | null;
  /** Code of the failure; its message is in the ledger. */
  code: string;
}

/** REVOKED: on request, or expired before it started. */
export interface TaskRevoked extends OfAttempt {
  type: 'task-revoked';
  /** Milliseconds; null when it was not running. */
  runtimeMs: number | null;
  /** Why: `expired`, `revoked`, … */
  code: string;
}

/** The life of a task, as it happens. */
export type TaskEvent =
  TaskSent | TaskStarted | TaskProgressed | TaskSucceeded | TaskRetried | TaskFailed | TaskRevoked;

/** A worker came, is there (every five seconds), or went at its own will. One that died says nothing. */
export interface WorkerEvent {
  type: 'worker-online' | 'worker-heartbeat' | 'worker-offline';
  /** ISO 8601, by the worker's clock. */
  at: string;
  worker: string;
  /** Queues it takes tasks from. */
  queues: QueueName[];
  /** Tasks it is running. */
  active: number;
}

/** A process, or the watcher itself, could not keep up: so many events are missing here. */
export interface EventsDropped {
  type: 'events-dropped';
  at: string;
  /** Name of the process that dropped them. */
  worker: string;
  count: number;
}

export type LiveEvent = TaskEvent | WorkerEvent | EventsDropped;

type Without<E, K extends string> = E extends unknown ? Omit<E, K> : never;

/** An event as it is handed to `LiveEvents.emit`, which adds when and where. */
export type EmittedEvent = Without<LiveEvent, 'at' | 'worker'>;

/** All that is named must fit. `events-dropped` passes every filter. */
export interface EventFilter {
  types?: readonly LiveEvent['type'][];
  taskId?: string;
  /** Name of the task's definition. */
  task?: string;
  /** Events of tasks of this queue. */
  queue?: QueueName;
  worker?: string;
}

export function fits(event: LiveEvent, filter: EventFilter): boolean {
  if (event.type === 'events-dropped') return true;
  const { taskId, name, queue, worker } = event as Partial<OfAttempt>;
  const asked: [string | undefined, string | undefined][] = [
    [filter.taskId, taskId],
    [filter.task, name],
    [filter.queue, queue],
    [filter.worker, worker],
  ];
  if (filter.types && !filter.types.includes(event.type)) return false;
  return asked.every(([wanted, given]) => wanted === undefined || wanted === given);
}
