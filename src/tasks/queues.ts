import type { HintQueueOptions, HintWorkerOptions } from '../infrastructure/queue/queue-engine.js';

/** The three queues of the original system, most urgent first. */
export const QUEUE_NAMES = ['high_priority', 'normal_priority', 'low_priority'] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/**
 * 0 is the most urgent, 9 the least, as in the original. BullMQ counts from 1, and runs a job with
 * no priority before all others, so one is always set.
 */
export function bullPriority(priority: number): number {
  return priority + 1;
}

/** Options of every job. A retry is a decision of the ledger, so BullMQ gets one attempt. */
export const hintQueueOptions: HintQueueOptions = {
  defaultJobOptions: {
    attempts: 1,
    // Enough for a look at Bull Board; the history is in the ledger. On Postgres each hint that ends
    // reads all that are kept: 200 took a third of the store's time.
    removeOnComplete: { count: 50 },
    removeOnFail: { count: 200 },
    // A stack could carry what a handler had in hand; the ledger keeps a code and a message.
    stackTraceLimit: 0,
  },
};

/** Options of every worker, in milliseconds. */
export const hintWorkerOptions = {
  autorun: false,
  // Recovery after kill -9 takes 9–14 s with these two, 27–54 s with BullMQ's defaults.
  lockDuration: 10_000,
  stalledInterval: 5_000,
  // BullMQ would fail a job for good at the second crash; the ledger counts crashes and decides.
  maxStalledCount: 50,
  // After an error of the store; the default of 15 s is a long time for a user.
  runRetryDelay: 1_000,
} satisfies Partial<HintWorkerOptions>;

/** The list was wrong; the message names the known queues. */
export class UnknownQueueError extends Error {
  override readonly name = 'UnknownQueueError';
}

/**
 * Which queues a process serves: `all`, or names separated by commas.
 *
 * @throws UnknownQueueError on a name that is none, or on an empty list
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
