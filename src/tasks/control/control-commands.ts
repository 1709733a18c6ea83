import { Injectable } from '@nestjs/common';
import type { QueueName } from '../definitions/queues.js';
import { WorkerProcess } from '../process/worker-process.js';
import type { QueueWorker } from '../workers/queue-worker.js';
import { QueueWorkers, type ConsumedQueue } from '../workers/queue-workers.js';
import { CommandRefused, type CommandHandlers } from './commands.js';
import { RegisteredTasks } from './registered-tasks.js';
import { WorkerPresence } from './worker-presence.js';

/** BullMQ would accept more, but a higher number is surely a typing mistake. */
const maxConcurrency = 10_000;

type ControlCommand =
  'pool_grow' | 'pool_shrink' | 'add_consumer' | 'cancel_consumer' | 'limits_changed' | 'shutdown';

/** Commands that change this worker while it runs. Each one answers with the new state. */
@Injectable()
export class ControlCommands {
  readonly handlers: CommandHandlers<ControlCommand> = {
    pool_grow: ({ by, queue }) => this.resize(by, queue),
    pool_shrink: ({ by, queue }) => this.resize(-by, queue),
    add_consumer: async ({ queue }) => {
      this.refuseWhileStopping();
      await this.queues.add(queue);
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
