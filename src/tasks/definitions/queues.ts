import type {
  HintQueueOptions,
  HintWorkerOptions,
} from '../../infrastructure/queue/queue-engine.js';

/** The three queues of the original system, most urgent first. */
export const QUEUE_NAMES = ['high_priority', 'normal_priority', 'low_priority'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/**
 * Converts a task's priority (0 is the most urgent, 9 the least, as in the original) to BullMQ's. BullMQ
 * counts from 1 and runs a job without a priority before all others, so one is always set.
 */
export function bullPriority(priority: number): number {
  return priority + 1;
}

/** Converts BullMQ's priority back. A job without one runs before all others, so it counts as 0. */
export function taskPriority(bull: number | undefined): number {
  return Math.max(0, (bull ?? 0) - 1);
}

/** Options of every job. The ledger decides about retries, so BullMQ makes one attempt only. */
export const hintQueueOptions: HintQueueOptions = {
  defaultJobOptions: {
    attempts: 1,
    // Enough for Bull Board; the full history is in the ledger. On Postgres, BullMQ reads all kept jobs
    // whenever a job ends: with 200 of them this took a third of the store's time.
    removeOnComplete: { count: 50 },
    removeOnFail: { count: 200 },
    // A stack trace could contain data of a handler; the ledger keeps a code and a message instead.
    stackTraceLimit: 0,
  },
};

/** Options of every worker, in milliseconds. */
export const hintWorkerOptions = {
  autorun: false,
  // Recovery after kill -9 takes 9–14 s with these two, 27–54 s with BullMQ's defaults.
  lockDuration: 10_000,
  stalledInterval: 5_000,
  // By default BullMQ fails a job for good at its second crash. Here the ledger counts crashes and decides.
  maxStalledCount: 50,
  // Pause after an error of the store. BullMQ's default of 15 s is too long for a waiting user.
  runRetryDelay: 1_000,
} satisfies Partial<HintWorkerOptions>;

/** The list of queues is invalid; the message names the known queues. */
export class UnknownQueueError extends Error {
  override readonly name = 'UnknownQueueError';
}

/**
 * Parses the list of queues that a process serves: `all`, or names separated by commas.
 *
 * @returns the queues, most urgent first
 * @throws UnknownQueueError when a name is unknown or the list is empty
 */
export function parseQueueNames(list: string): QueueName[] {
  const names = list.split(',').map((name) => name.trim());
  if (names.length === 1 && names[0] === 'all') return [...QUEUE_NAMES];
  for (const name of names) {
    if (!isQueueName(name)) {
      throw new UnknownQueueError(
        `Unknown queue "${name}". Known queues: ${QUEUE_NAMES.join(', ')}; or all.`,
      );
    }
  }
  return QUEUE_NAMES.filter((name) => names.includes(name));
}

export function isQueueName(name: string): name is QueueName {
  return (QUEUE_NAMES as readonly string[]).includes(name);
}
