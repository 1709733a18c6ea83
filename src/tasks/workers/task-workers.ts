import { hostname } from 'node:os';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { QUEUE_ENGINE } from '../../infrastructure/queue/queue.module.js';
import type { QueueEngine } from '../../infrastructure/queue/queue-engine.js';
import type { QueueName } from '../queues.js';
import { Reconciler } from '../reconciler.js';
import { TaskRegistry } from '../task-registry.js';
import { TaskRunner } from '../task-runner.js';
import { QueueWorker } from './queue-worker.js';
import { TaskPool } from './task-pool.js';

/** The workers of this process: started after the registry was checked, drained before it ends. */
@Injectable()
export class TaskWorkers {
  private readonly log = new Logger('Workers');
  private readonly workers: QueueWorker[] = [];

  constructor(
    @Inject(QUEUE_ENGINE) private readonly engine: QueueEngine,
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly registry: TaskRegistry,
    private readonly runner: TaskRunner,
    private readonly reconciler: Reconciler,
    private readonly pool: TaskPool,
  ) {}

  /** @throws TaskRegistryError when handlers and definitions do not fit */
  start(queues: QueueName[]): void {
    this.registry.collect();
    const name = `${hostname()}:${process.pid}`;
    const concurrency = this.settings.workerConcurrency;
    this.pool.start({ name, size: concurrency * queues.length });
    for (const queue of queues) {
      const worker = new QueueWorker(queue, name, this.engine, this.runner, concurrency);
      this.workers.push(worker);
      worker.start();
    }
    this.log.log(`Serving ${queues.join(', ')}, ${concurrency} at once each`);
  }

  /**
   * Takes no more tasks, lets the running ones end within the grace, gives the rest back to the
   * queue, and closes. Resolves within the grace and a few seconds.
   */
  async drain(graceMs: number): Promise<void> {
    await this.reconciler.stop();
    await Promise.all(this.workers.map((worker) => worker.pause()));
    if (this.runner.active.length > 0) {
      this.log.log(
        `Running tasks: ${this.runner.active.length}; they have ${graceMs / 1000} s to end`,
      );
    }
    await this.idle(graceMs);
    this.runner.abortAll();
    await this.idle(5_000);
    // The hints of tasks that were handed back are still on their way to the store.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await Promise.race([
      Promise.all(this.workers.map((worker) => worker.close())),
      new Promise((resolve) => setTimeout(resolve, 3_000)),
    ]);
  }

  private async idle(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    while (this.runner.active.length > 0 && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
