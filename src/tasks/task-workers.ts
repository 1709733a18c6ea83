import { Injectable } from '@nestjs/common';
import { waitAtMost } from '../common/deadline.js';
import { RemoteControl } from './control/remote-control.js';
import type { QueueName } from './definitions/queues.js';
import { TaskRegistry } from './definitions/task-registry.js';
import { Reconciler } from './hints/reconciler.js';
import { WorkerProcess, workerNameOf } from './process/worker-process.js';
import { ScheduleTicker } from './schedules/schedule-ticker.js';
import { Orphans } from './workers/orphans.js';
import { QueueWorkers } from './workers/queue-workers.js';

/** How long a starting worker waits for the ledger before it serves its queues anyway. Milliseconds. */
const patienceMs = 2_000;

export interface WorkerOptions {
  /** The worker's name, with the placeholders of `workerNameOf`. Default: `<host>:<pid>`. */
  name?: string;
  /** Tasks at once on each queue. Default: from the settings. */
  concurrency?: number;
}

/** The workers of this process. They start after the registry was checked, and drain before it ends. */
@Injectable()
export class TaskWorkers {
  private starting: Promise<void> = Promise.resolve();

  constructor(
    private readonly registry: TaskRegistry,
    private readonly reconciler: Reconciler,
    private readonly ticker: ScheduleTicker,
    private readonly queues: QueueWorkers,
    private readonly process: WorkerProcess,
    private readonly remote: RemoteControl,
    private readonly orphans: Orphans,
  ) {}

  /**
   * Returns at once; the worker takes tasks as soon as the stores answer.
   *
   * @throws TaskRegistryError when a task has no handler, or two
   * @throws WorkerNameError
   */
  start(queues: QueueName[], options: WorkerOptions = {}): void {
    this.registry.collect();
    if (options.name !== undefined) {
      this.process.name = workerNameOf(options.name, this.process.host);
    }
    this.ticker.start();
    this.starting = this.serve(queues, options.concurrency);
  }

  /** Sets what a remote `shutdown` does. Without it, this process refuses the command. */
  onShutdownRequested(callback: () => void): void {
    this.process.onShutdownRequested(callback);
  }

  /**
   * Takes no more tasks, gives the running ones `graceMs` milliseconds to end, hands the rest back to
   * the queue, and closes. Takes a few seconds longer than the grace at most.
   */
  async drain(graceMs: number): Promise<void> {
    this.process.stopping = true;
    await Promise.all([this.reconciler.stop(), this.ticker.stop()]);
    await this.starting;
    await this.orphans.stop();
    await this.queues.drain(graceMs);
    await this.remote.leave();
    await this.queues.close();
  }

  private async serve(queues: QueueName[], concurrency: number | undefined): Promise<void> {
    await this.remote.prepare();
    if (this.process.stopping) return;
    await waitAtMost(patienceMs, this.orphans.start(this.process.name));
    await this.queues.serve(this.process.name, queues, concurrency);
    this.remote.announce();
  }
}
