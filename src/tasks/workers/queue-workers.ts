import { BullRegistrar } from '@nestjs/bullmq';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { pause, waitAtMost } from '../../common/deadline.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { QUEUE_NAMES, type QueueName } from '../definitions/queues.js';
import { TaskPool } from '../pools/task-pool.js';
import { TaskRunner } from './task-runner.js';
import {
  HighPriorityProcessor,
  LowPriorityProcessor,
  NormalPriorityProcessor,
} from './queue-processors.js';
import type { QueueWorker } from './queue-worker.js';

/** How long aborted handlers get to end. Milliseconds. */
const abortedMs = 5_000;
/** How long closing the connections to the queues may take. Milliseconds. */
const closingMs = 3_000;

/** A queue that this worker serves, or has served. */
export interface ConsumedQueue {
  queue: QueueName;
  /** How many of its tasks may run here at once. */
  concurrency: number;
  /** How many of its tasks are running here now. */
  running: number;
  /** The worker takes no more tasks from it. */
  paused: boolean;
}

/** The queues that this process serves. Queues can be added, paused and resized at run time. */
@Injectable()
export class QueueWorkers {
  private readonly log = new Logger('Workers');
  private readonly processors: Record<QueueName, QueueWorker>;
  private readonly workers = new Map<QueueName, QueueWorker>();
  private registered = false;

  constructor(
    private readonly bull: BullRegistrar,
    private readonly runner: TaskRunner,
    private readonly pool: TaskPool,
    @Inject(SETTINGS) private readonly settings: Settings,
    high_priority: HighPriorityProcessor,
    normal_priority: NormalPriorityProcessor,
    low_priority: LowPriorityProcessor,
  ) {
    this.processors = { high_priority, normal_priority, low_priority };
  }

  /**
   * Starts the pool and serves these queues.
   *
   * @param worker name of this worker
   * @param concurrency tasks at once on each queue; default: from the settings
   */
  async serve(
    worker: string,
    queues: QueueName[],
    concurrency = this.settings.workerConcurrency,
  ): Promise<void> {
    this.pool.start({ name: worker, size: concurrency * queues.length });
    for (const queue of queues) await this.add(queue, concurrency);
    this.log.log(`Serving ${queues.join(', ')}, ${concurrency} at once each, as ${worker}`);
  }

  /** Takes tasks from `queue` from now on. A paused queue resumes with its old concurrency. */
  async add(queue: QueueName, concurrency = this.settings.workerConcurrency): Promise<void> {
    const known = this.workers.get(queue);
    if (known) return known.resume();
    // Creates the workers of all three queues; each one works only once it is started.
    if (!this.registered) this.bull.register();
    this.registered = true;
    const worker = this.processors[queue];
    worker.start(concurrency);
    this.workers.set(queue, worker);
    this.pool.resize(this.total());
  }

  /** Changes how many tasks of this queue run at once. */
  async resize(worker: QueueWorker, concurrency: number): Promise<void> {
    if (concurrency > worker.concurrency) this.pool.resize(this.total() + concurrency);
    await worker.resize(concurrency);
    this.pool.resize(this.total());
  }

  /**
   * Takes no more tasks, waits `graceMs` milliseconds for the running ones, then aborts those that are
   * left: they go back to the queue.
   */
  async drain(graceMs: number): Promise<void> {
    await Promise.all(this.all().map((worker) => worker.pause()));
    if (this.runner.active.length > 0) {
      this.log.log(
        `Running tasks: ${this.runner.active.length}; they have ${graceMs / 1000} s to end`,
      );
    }
    await this.idle(graceMs);
    this.runner.abortAll();
    await this.idle(abortedMs);
    // Leaves the hints of tasks that were handed back time to reach the store.
    await pause(100);
  }

  async close(): Promise<void> {
    await waitAtMost(closingMs, Promise.all(this.all().map((worker) => worker.close())));
  }

  get(queue: QueueName): QueueWorker | undefined {
    return this.workers.get(queue);
  }

  /** Most urgent queue first. */
  all(): QueueWorker[] {
    return QUEUE_NAMES.flatMap((name) => this.workers.get(name) ?? []);
  }

  state(): ConsumedQueue[] {
    return this.all().map((worker) => ({
      queue: worker.queue,
      concurrency: worker.concurrency,
      running: this.runner.active.filter(({ task }) => task.queue === worker.queue).length,
      paused: worker.paused,
    }));
  }

  private total(): number {
    return this.all().reduce((total, worker) => total + worker.concurrency, 0);
  }

  private async idle(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    while (this.runner.active.length > 0 && performance.now() < end) await pause(50);
  }
}
