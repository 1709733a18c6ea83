import { Inject, Injectable, Logger } from '@nestjs/common';
import { within } from '../common/deadline.js';
import { messageOf } from '../common/message-of.js';
import { QUEUE_ENGINE } from '../infrastructure/queue/queue.module.js';
import type { HintQueue, QueueEngine } from '../infrastructure/queue/queue-engine.js';
import { QUEUE_NAMES, bullPriority, hintQueueOptions, type QueueName } from './queues.js';

/** What the queue is told about a task. */
export interface TaskHint {
  taskId: string;
  name: string;
  queue: QueueName;
  priority: number;
  /** Milliseconds from now. */
  delayMs: number;
}

/** A claimed task whose worker is gone, called for another attempt. */
export interface Again {
  id: string;
  name: string;
  /** The one that is over. */
  attempt: number;
}

/**
 * Added one by one. BullMQ on Postgres makes and drops two tables for each `addBulk`, which is dearer
 * than a few rows and makes every connection of the database read its catalog again.
 */
const fewHints = 5;

/** Longest wait for the store; a hint that is late is found again by the reconciler. */
const storeDeadlineMs = 10_000;

/** The queues, seen from the sending side. The only code that adds jobs. */
@Injectable()
export class TaskHints {
  private readonly log = new Logger('Queues');
  private readonly queues = new Map<QueueName, HintQueue>();

  constructor(@Inject(QUEUE_ENGINE) engine: QueueEngine) {
    for (const name of QUEUE_NAMES) {
      const queue = engine.createQueue(name, hintQueueOptions);
      queue.on('error', (error) => this.log.debug(`${name}: ${messageOf(error)}`));
      this.queues.set(name, queue);
    }
  }

  /**
   * Adds hints of one queue. One that is there already stays as it is.
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
        // Whole milliseconds: BullMQ on Postgres takes no others.
        ...(hint.delayMs > 0 && { delay: Math.ceil(hint.delayMs) }),
      },
    }));
    const bull = this.of(queue);
    if (jobs.length > fewHints) await inTime(bull.addBulk(jobs));
    // One after the other: at once they would take several connections and overtake each other.
    else for (const job of jobs) await inTime(bull.add(job.name, job.data, job.opts));
  }

  /**
   * A second hint for each, before all others: the first one belongs to a worker that is gone, or waits
   * behind the backlog. Whichever comes later finds the task taken.
   *
   * @throws as {@link add}
   */
  async again(queue: QueueName, tasks: Again[]): Promise<void> {
    const bull = this.of(queue);
    for (const { id, name, attempt } of tasks) {
      // Without a priority a job goes before all that have one.
      const opts = { jobId: `${id}-${attempt}`, removeOnComplete: true, removeOnFail: true };
      await inTime(bull.add(name, { v: 1, taskId: id }, opts));
    }
  }

  /**
   * Which of these tasks the queue does not know (any more), or thinks finished. The latter are
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

  /** Ends the wait of a hint that is delayed, if it is. */
  async promote(queue: QueueName, taskId: string): Promise<void> {
    const job = await inTime(this.of(queue).getJob(taskId));
    if (await job?.isDelayed()) await inTime(job!.promote());
  }

  /**
   * Removes hints, but for those that a worker holds just now.
   *
   * @returns how many are left
   * @throws when the store does not answer in time
   */
  async remove(queue: QueueName, taskIds: string[]): Promise<number> {
    const bull = this.of(queue);
    const removed = await inTime(Promise.all(taskIds.map((id) => bull.remove(id))));
    return removed.filter((n) => n === 0).length;
  }

  of(queue: QueueName): HintQueue {
    return this.queues.get(queue)!;
  }

  async close(): Promise<void> {
    const closing = [...this.queues.values()].map((queue) => inTime(queue.close()));
    await Promise.allSettled(closing);
  }
}

function inTime<T>(work: Promise<T>): Promise<T> {
  return within(storeDeadlineMs, work, () => new Error('the queue did not answer in time'));
}
