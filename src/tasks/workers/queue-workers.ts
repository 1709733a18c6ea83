import { Inject, Injectable } from '@nestjs/common';
import { QUEUE_ENGINE } from '../../infrastructure/queue/queue.module.js';
import type { QueueEngine } from '../../infrastructure/queue/queue-engine.js';
import { QUEUE_NAMES, type QueueName } from '../queues.js';
import { TaskRunner } from '../task-runner.js';
import { QueueWorker } from './queue-worker.js';
import { TaskPool } from './task-pool.js';
import { WorkerProcess } from './worker-process.js';

/** A queue that this worker serves, or has served. */
export interface ConsumedQueue {
  queue: QueueName;
  /** Tasks of it that run at once here. */
  concurrency: number;
  /** Tasks of it that run here now. */
  running: number;
  /** No more tasks are taken from it. */
  paused: boolean;
}

/** The queues of this process, which come, go and change their size while it runs. */
@Injectable()
export class QueueWorkers {
  private readonly workers = new Map<QueueName, QueueWorker>();

  constructor(
    @Inject(QUEUE_ENGINE) private readonly engine: QueueEngine,
    private readonly runner: TaskRunner,
    private readonly pool: TaskPool,
    private readonly process: WorkerProcess,
  ) {}

  /** Takes tasks from `queue` from now on; one that was paused goes on with its old concurrency. */
  async add(queue: QueueName, concurrency: number): Promise<void> {
    const known = this.workers.get(queue);
    if (known) return known.resume();
    const worker = new QueueWorker(queue, this.process.name, this.engine, this.runner, concurrency);
    this.workers.set(queue, worker);
    this.pool.resize(this.total());
    worker.start();
  }

  /** Another number of tasks of this queue at once. */
  async resize(worker: QueueWorker, concurrency: number): Promise<void> {
    if (concurrency > worker.concurrency) this.pool.resize(this.total() + concurrency);
    await worker.resize(concurrency);
    this.pool.resize(this.total());
  }

  get(queue: QueueName): QueueWorker | undefined {
    return this.workers.get(queue);
  }

  /** Most urgent queue first. */
  all(): QueueWorker[] {
    return QUEUE_NAMES.flatMap((name) => this.workers.get(name) ?? []);
  }

  private total(): number {
    return this.all().reduce((total, worker) => total + worker.concurrency, 0);
  }

  state(): ConsumedQueue[] {
    return this.all().map((worker) => ({
      queue: worker.queue,
      concurrency: worker.concurrency,
      running: this.runner.active.filter(({ task }) => task.queue === worker.queue).length,
      paused: worker.paused,
    }));
  }
}
