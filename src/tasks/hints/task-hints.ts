import { InjectQueue } from '@nestjs/bullmq';
import { Injectable, Logger } from '@nestjs/common';
import { within } from '../../common/deadline.js';
import { messageOf } from '../../common/message-of.js';
import type { HintQueue, QueueEngine } from '../../infrastructure/queue/queue-engine.js';
import { StoreQueue } from '../../infrastructure/queue/store-queue.js';
import {
  QUEUE_NAMES,
  bullPriority,
  hintQueueOptions,
  type QueueName,
} from '../definitions/queues.js';

/**
 * What the queue is told about a task: its id, and when and where it should run. A job in BullMQ is only a
 * hint to look at the task's row in the ledger. It may get lost or arrive twice without harm.
 */
export interface TaskHint {
  taskId: string;
  name: string;
  queue: QueueName;
  priority: number;
  /** Milliseconds from now. */
  delayMs: number;
}

/** A claimed task whose worker is gone and which needs another attempt. */
export interface Again {
  id: string;
  name: string;
  /** The attempt that was lost with its worker. */
  attempt: number;
}

/**
 * Up to this number, hints are added one by one. BullMQ on Postgres creates and drops two temporary tables
 * for each `addBulk`: that costs more than adding a few rows, and makes every connection of the database
 * reload its catalog.
 */
const fewHints = 5;

/** Longest wait for the store. The reconciler adds a hint that did not make it. */
const storeDeadlineMs = 10_000;

/** The sending side of the queues. No other code adds jobs. */
@Injectable()
export class TaskHints {
  private readonly log = new Logger('Queues');
  private readonly queues: Record<QueueName, HintQueue>;

  constructor(
    @InjectQueue('high_priority') high_priority: HintQueue,
    @InjectQueue('normal_priority') normal_priority: HintQueue,
    @InjectQueue('low_priority') low_priority: HintQueue,
  ) {
    this.queues = { high_priority, normal_priority, low_priority };
    for (const name of QUEUE_NAMES) {
      this.queues[name].on('error', (error) => this.log.debug(`${name}: ${messageOf(error)}`));
    }
  }

  /** The queues of another store than the one this process uses. The caller closes them. */
  static on({ options }: QueueEngine): TaskHints {
    const open = (name: QueueName) => new StoreQueue(name, { ...options, ...hintQueueOptions });
    return new TaskHints(open('high_priority'), open('normal_priority'), open('low_priority'));
  }

  /**
   * Adds hints to one queue. A hint that already exists is left as it is.
   *
   * @throws when the store does not answer in time; whether it has the hints is then unknown
   */
  async add(queue: QueueName, hints: TaskHint[]): Promise<void> {
    const jobs = hints.map((hint) => ({
      name: hint.name,
      data: { v: 1 as const, taskId: hint.taskId },
      opts: {
        jobId: hint.taskId,
        priority: bullPriority(hint.priority),
        // BullMQ on Postgres accepts whole milliseconds only.
        ...(hint.delayMs > 0 && { delay: Math.ceil(hint.delayMs) }),
      },
    }));
    const bull = this.of(queue);
    if (jobs.length > fewHints) await inTime(bull.addBulk(jobs));
    // One after the other: in parallel they would use several connections and could change their order.
    else for (const job of jobs) await inTime(bull.add(job.name, job.data, job.opts));
  }

  /**
   * Adds a second hint for each task, ahead of all others, because the first one belongs to a dead worker or
   * waits behind the backlog. The hint that comes later finds the task taken.
   *
   * @throws as {@link add}
   */
  async again(queue: QueueName, tasks: Again[]): Promise<void> {
    const bull = this.of(queue);
    for (const { id, name, attempt } of tasks) {
      // A job without a priority runs before all jobs with one.
      const opts = { jobId: `${id}-${attempt}`, removeOnComplete: true, removeOnFail: true };
      await inTime(bull.add(name, { v: 1, taskId: id }, opts));
    }
  }

  /**
   * Finds out which of these tasks have no hint, or one that the queue considers finished. Finished hints are
   * removed, so that they can be added again.
   */
  async missing(queue: QueueName, taskIds: string[]): Promise<Set<string>> {
    const bull = this.of(queue);
    const lost = await inTime(
      Promise.all(
        taskIds.map(async (id) => {
          const state = await bull.getJobState(id);
          if (state === 'completed' || state === 'failed') await bull.remove(id);
          else if (state !== 'unknown') return undefined;
          return id;
        }),
      ),
    );
    return new Set(lost.filter((id) => id !== undefined));
  }

  /** Makes a delayed hint available now. @returns false when it is not delayed, and nothing was done */
  async promote(queue: QueueName, taskId: string): Promise<boolean> {
    const job = await inTime(this.of(queue).getJob(taskId));
    if (!(await job?.isDelayed())) return false;
    await inTime(job!.promote());
    return true;
  }

  /**
   * Removes hints, except those that a worker currently holds.
   *
   * @returns how many hints could not be removed
   * @throws when the store does not answer in time
   */
  async remove(queue: QueueName, taskIds: string[]): Promise<number> {
    const bull = this.of(queue);
    const removed = await inTime(Promise.all(taskIds.map((id) => bull.remove(id))));
    return removed.filter((n) => n === 0).length;
  }

  of(queue: QueueName): HintQueue {
    return this.queues[queue];
  }

  async close(): Promise<void> {
    const closing = QUEUE_NAMES.map((name) => this.queues[name]).map((queue) =>
      inTime(queue.close()),
    );
    await Promise.allSettled(closing);
  }
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return within(storeDeadlineMs, work, () => new Error('the queue did not answer in time'));
}
