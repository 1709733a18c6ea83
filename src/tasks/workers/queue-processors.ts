import { Processor } from '@nestjs/bullmq';
import { hintWorkerOptions } from '../definitions/queues.js';
import { WorkerProcess } from '../process/worker-process.js';
import { TaskRunner } from './task-runner.js';
import { QueueWorker } from './queue-worker.js';

/**
 * The only processors of the three queues. Features mark handlers with `@HandlesTask` and never declare a
 * `@Processor`: it would compete with these for every task of the queue.
 */
@Processor('high_priority', hintWorkerOptions)
export class HighPriorityProcessor extends QueueWorker {
  constructor(runner: TaskRunner, self: WorkerProcess) {
    super('high_priority', runner, self);
  }
}

@Processor('normal_priority', hintWorkerOptions)
export class NormalPriorityProcessor extends QueueWorker {
  constructor(runner: TaskRunner, self: WorkerProcess) {
    super('normal_priority', runner, self);
  }
}

@Processor('low_priority', hintWorkerOptions)
export class LowPriorityProcessor extends QueueWorker {
  constructor(runner: TaskRunner, self: WorkerProcess) {
    super('low_priority', runner, self);
  }
}

export const queueProcessors = [
  HighPriorityProcessor,
  NormalPriorityProcessor,
  LowPriorityProcessor,
];
