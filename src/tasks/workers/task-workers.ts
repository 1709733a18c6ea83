import { Inject, Injectable, Logger } from '@nestjs/common';
import { pause, waitAtMost } from '../../common/deadline.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { RemoteControl } from '../control/remote-control.js';
import type { QueueName } from '../queues.js';
import { Reconciler } from '../reconciler.js';
import { ScheduleTicker } from '../schedules/schedule-ticker.js';
import { TaskRegistry } from '../task-registry.js';
import { TaskRunner } from '../task-runner.js';
import { Orphans } from './orphans.js';
import { QueueWorkers } from './queue-workers.js';
import { TaskPool } from './task-pool.js';
import { WorkerProcess, workerNameOf } from './worker-process.js';

/** Longest wait for the ledger before the first task; a worker starts without it too. Milliseconds. */
const patienceMs = 2_000;
/** Longest wait for the connections to the queue when a worker ends. Milliseconds. */
const closingMs = 3_000;

export interface WorkerOptions {
  /** Name among all workers; see `workerNameOf`. Default `<host>:<pid>`. */
  name?: string;
  /** Tasks at once on each queue. Default: from the settings. */
  concurrency?: number;
}

/** The workers of this process: started after the registry was checked, drained before it ends. */
@Injectable()
export class TaskWorkers {
  private readonly log = new Logger('Workers');
  private starting: Promise<void> = Promise.resolve();

  constructor(
    @Inject(SETTINGS) private readonly settings: Settings,
    private readonly registry: TaskRegistry,
    private readonly runner: TaskRunner,
    private readonly reconciler: Reconciler,
    private readonly ticker: ScheduleTicker,
    private readonly queues: QueueWorkers,
    private readonly process: WorkerProcess,
    private readonly remote: RemoteControl,
    private readonly pool: TaskPool,
    private readonly orphans: Orphans,
  ) {}

  /**
   * Begins to take tasks, as soon as the stores answer.
   *
   * @throws TaskRegistryError when handlers and definitions do not fit
   * @throws WorkerNameError
   */
  start(queues: QueueName[], options: WorkerOptions = {}): void {
    this.registry.collect();
    if (options.name !== undefined) {
      this.process.name = workerNameOf(options.name, this.process.host);
    }
    this.ticker.start();
    this.starting = this.serve(queues, options.concurrency ?? this.settings.workerConcurrency);
  }

  /** What a remote `shutdown` does; it is refused in a process that names nothing. */
  onShutdownRequested(callback: () => void): void {
    this.process.onShutdownRequested(callback);
  }

  /**
   * Takes no more tasks, lets the running ones end within the grace, gives the rest back to the
   * queue, and closes. Resolves within the grace and a few seconds.
   */
  async drain(graceMs: number): Promise<void> {
    this.process.stopping = true;
    await Promise.all([this.reconciler.stop(), this.ticker.stop()]);
    await this.starting;
    await this.orphans.stop();
    const workers = this.queues.all();
    await Promise.all(workers.map((worker) => worker.pause()));
    if (this.runner.active.length > 0) {
      this.log.log(
        `Running tasks: ${this.runner.active.length}; they have ${graceMs / 1000} s to end`,
      );
    }
    await this.idle(graceMs);
    this.runner.abortAll();
    await this.idle(5_000);
    // The hints of tasks that were handed back are still on their way to the store.
    await pause(100);
    await this.remote.leave();
    await waitAtMost(closingMs, Promise.all(workers.map((worker) => worker.close())));
  }

  private async serve(queues: QueueName[], concurrency: number): Promise<void> {
    await this.remote.prepare();
    if (this.process.stopping) return;
    this.pool.start({ name: this.process.name, size: concurrency * queues.length });
    await waitAtMost(patienceMs, this.orphans.start(this.process.name));
    for (const queue of queues) await this.queues.add(queue, concurrency);
    this.log.log(
      `Serving ${queues.join(', ')}, ${concurrency} at once each, as ${this.process.name}`,
    );
    this.remote.announce();
  }

  private async idle(withinMs: number): Promise<void> {
    const end = performance.now() + withinMs;
    while (this.runner.active.length > 0 && performance.now() < end) {
      await pause(50);
    }
  }
}
