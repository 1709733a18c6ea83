import type { Queue, QueueOptions, Relay, Worker, WorkerOptions, Processor } from 'bullmq';

/** What travels through the queue: a hint which ledger row to look at. `v` is its format. */
export interface QueueHint {
  v: 1;
  taskId: string;
}

export type HintQueue = Queue<QueueHint, unknown, string>;
export type HintWorker = Worker<QueueHint, unknown, string>;
export type HintProcessor = Processor<QueueHint, unknown, string>;

export type HintQueueOptions = Omit<QueueOptions, 'connection'>;
export type HintWorkerOptions = Omit<WorkerOptions, 'connection'>;

/**
 * BullMQ on one of its stores. Everything above asks for queues, workers and the relay, and never
 * for the store's name.
 *
 * Failure window: the store may lose hints, repeat them, hang or be away. Nothing above believes it;
 * the ledger decides and the reconciler refills it.
 */
export interface QueueEngine {
  readonly name: 'postgres' | 'redis';
  /** Where it is, without credentials; safe to log. */
  readonly address: string;

  /** Prepares the store (its own schema, on Postgres). Idempotent, safe from many processes. */
  prepare(): Promise<void>;
  createQueue(name: string, options: HintQueueOptions): HintQueue;
  createWorker(name: string, processor: HintProcessor, options: HintWorkerOptions): HintWorker;
  /** Fan-out between processes: at most once, nothing kept. */
  createRelay(): Relay<unknown>;
  /** Round trip to the store. @throws when it does not answer in time */
  ping(): Promise<void>;
  /** Closes what the engine itself opened; queues, workers and relays are closed by their makers. */
  close(): Promise<void>;
}

/** Host, port and database of a URL: what may be logged. */
export function addressOf(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`;
}
