import type { QueueName } from '../definitions/queues.js';
import type { TaskProgress } from '../definitions/task-context.js';

/** The fields of every event about a task. Payloads and results are never included. */
interface OfTask {
  /** ISO 8601, by the clock of the process that sends the event. */
  at: string;
  taskId: string;
  name: string;
  queue: QueueName;
}

/** The fields of every event about an attempt. */
interface OfAttempt extends OfTask {
  /** Name of the worker that runs or ran the attempt. */
  worker: string;
  /** Number of the attempt, from 1. 0: no attempt was made. */
  attempt: number;
}

/** The task is committed and on its way to its queue. */
export interface TaskSent extends OfTask {
  type: 'task-sent';
  /** 0 (first) … 9 (last). */
  priority: number;
  /** Milliseconds until the task is due. */
  delayMs: number;
}

/** A worker has claimed the task. */
export interface TaskStarted extends OfAttempt {
  type: 'task-started';
  /** Milliseconds that the task was due before; null: the attempt before has crashed. */
  waitedMs: number | null;
  /** Links the task to the request that it comes from; null: it comes from none. */
  correlationId: string | null;
}

/** The handler reported progress. At most twice a second for each running task. */
export interface TaskProgressed extends OfAttempt {
  type: 'task-progress';
  /** Who follows it; null: nobody but admins. */
  ownerId: string | null;
  progress: TaskProgress;
}

/** The task is SUCCESS. */
export interface TaskSucceeded extends OfAttempt {
  type: 'task-succeeded';
  /** Milliseconds from the claim to the end; null for a chain, group or chord. */
  runtimeMs: number | null;
}

/** The task is RETRY: this attempt failed and another one follows. */
export interface TaskRetried extends OfAttempt {
  type: 'task-retried';
  runtimeMs: number;
  /** Code of the failure. */
  code: string;
  /** Milliseconds until the next attempt. */
  inMs: number;
}

/** The task is FAILURE. */
export interface TaskFailed extends OfAttempt {
  type: 'task-failed';
  /** Milliseconds; null when the task failed without running, as a poison task does. */
  runtimeMs: number | null;
  /** Code of the failure. Its message is in the ledger. */
  code: string;
}

/** The task is REVOKED: on request, or because it expired before it started. */
export interface TaskRevoked extends OfAttempt {
  type: 'task-revoked';
  /** Milliseconds; null when the task was not running. */
  runtimeMs: number | null;
  /** Why: `expired`, `revoked`, … */
  code: string;
}

/** Everything that happens to a task. */
export type TaskEvent =
  TaskSent | TaskStarted | TaskProgressed | TaskSucceeded | TaskRetried | TaskFailed | TaskRevoked;

/** A worker started, is alive (every five seconds), or stopped. A worker that dies sends nothing. */
export interface WorkerEvent {
  type: 'worker-online' | 'worker-heartbeat' | 'worker-offline';
  /** ISO 8601, by the worker's clock. */
  at: string;
  worker: string;
  /** Queues it takes tasks from. */
  queues: QueueName[];
  /** Number of tasks that it is running. */
  active: number;
}

/** A process, or the watcher itself, could not keep up: `count` events are missing at this point. */
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

/** An event must match every field that is given. `events-dropped` passes every filter. */
export interface EventFilter {
  types?: readonly LiveEvent['type'][];
  taskId?: string;
  /** Name of the task's definition. */
  task?: string;
  /** Events of tasks of this queue. */
  queue?: QueueName;
  worker?: string;
}

/** Whether an event passes a filter. */
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
