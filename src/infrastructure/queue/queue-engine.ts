import type { Queue, QueueOptions, Relay, WorkerOptions, Processor } from 'bullmq';

/** The data of a BullMQ job: a hint that says which ledger row to look at. `v` is the version of its format. */
export interface QueueHint {
  v: 1;
  taskId: string;
}

export type HintQueue = Queue<QueueHint, unknown, string>;
export type HintProcessor = Processor<QueueHint, unknown, string>;

export type HintQueueOptions = Omit<QueueOptions, 'connection'>;
export type HintWorkerOptions = Omit<WorkerOptions, 'connection'>;

/**
 * BullMQ on one of its stores. The code above uses queues, workers and the relay, and never depends on which store
 * it is.
 *
 * Failure window: the store may lose hints, repeat them, hang or be unavailable. Nothing above relies on it: the
 * ledger decides, and the reconciler refills the store.
 */
export interface QueueEngine {
  readonly name: 'postgres' | 'redis';
  /** What BullMQ's classes need to know of the store. */
  readonly options: Pick<QueueOptions, 'connection' | 'prefix'>;
  /** Where it is, without credentials; safe to log. */
  readonly address: string;

  /** Prepares the store (its own schema, on Postgres). Idempotent, safe from many processes. */
  prepare(): Promise<void>;
  /** Fan-out between processes: at most once, nothing is stored. */
  createRelay(): Relay<unknown>;
  /** Round trip to the store. @throws when it does not answer in time */
  ping(): Promise<void>;
  /** Closes what the engine itself opened. Whoever made a queue, worker or relay closes it. */
  close(): Promise<void>;
}

/** Host, port and database of a URL: what may be logged. */
export function addressOf(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
