import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import type { QueueName } from '../queues.js';
import type { QueueWorker } from '../workers/queue-worker.js';
import { QueueWorkers, type ConsumedQueue } from '../workers/queue-workers.js';
import { WorkerProcess } from '../workers/worker-process.js';
import { CommandRefused, type CommandHandlers } from './commands.js';
import { RegisteredTasks } from './registered-tasks.js';
import { WorkerPresence } from './worker-presence.js';

/** BullMQ would take more; this is a slip of the finger. */
const maxConcurrency = 10_000;

type ControlCommand =
  'pool_grow' | 'pool_shrink' | 'add_consumer' | 'cancel_consumer' | 'limits_changed' | 'shutdown';

/** What changes this worker while it runs. Each answers with the new state. */
@Injectable()
export class ControlCommands {
  readonly handlers: CommandHandlers<ControlCommand> = {
    pool_grow: ({ by, queue }) => this.resize(by, queue),
    pool_shrink: ({ by, queue }) => this.resize(-by, queue),
    add_consumer: async ({ queue }) => {
      this.refuseWhileStopping();
      await this.queues.add(queue, this.settings.workerConcurrency);
      return this.changed();
    },
    cancel_consumer: async ({ queue }) => {
      await this.queues.get(queue)?.pause();
      return this.changed();
    },
    limits_changed: ({ task }) => this.registered.reload(task),
    shutdown: () => {
      if (this.process.canBeShutDown) return { stopping: true };
      throw new CommandRefused(
        'This worker lives in one process with the API (npm start); stop that with Ctrl-C or SIGTERM.',
      );
    },
  };

  constructor(
    private readonly queues: QueueWorkers,
    private readonly registered: RegisteredTasks,
    private readonly presence: WorkerPresence,
    private readonly process: WorkerProcess,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  private async resize(by: number, queue: QueueName | undefined): Promise<ConsumedQueue[]> {
    const workers = queue === undefined ? this.queues.all() : [this.worker(queue)];
    for (const worker of workers) {
      const wanted = Math.min(maxConcurrency, Math.max(1, worker.concurrency + by));
      await this.queues.resize(worker, wanted);
    }
    return this.changed();
  }

  private worker(queue: QueueName): QueueWorker {
    const worker = this.queues.get(queue);
    if (worker) return worker;
    throw new CommandRefused(
      `This worker does not serve ${queue}. Add it first: control add_consumer ${queue}.`,
    );
  }

  private refuseWhileStopping(): void {
    if (this.process.stopping) throw new CommandRefused('This worker is stopping.');
  }

  private changed(): ConsumedQueue[] {
    void this.presence.beat();
    return this.queues.state();
  }
}
