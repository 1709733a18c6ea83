import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Settings } from './config/config.module.js';
import { createLogger } from './infrastructure/http/logger.js';
import { closingMs, prepareStores, stopOnSignal } from './run.js';
import type { QueueName } from './tasks/queues.js';
import { TaskWorkers } from './tasks/workers/task-workers.js';
import { WorkerModule } from './worker.module.js';

export interface WorkerOptions {
  queues: QueueName[];
  /** `%h`: host, `%n`: host before the first dot, `%d`: its domain. Default: host and pid. */
  name?: string | undefined;
  /** Tasks at once on each queue; default: WORKER_CONCURRENCY. */
  concurrency?: number | undefined;
}

/** Runs tasks until SIGINT or SIGTERM, which end the process. Resolves when it has started. */
export async function runWorker(options: WorkerOptions, given: Settings): Promise<void> {
  const { queues, name, concurrency = given.workerConcurrency } = options;
  const settings = { ...given, workerConcurrency: concurrency };
  Logger.overrideLogger(createLogger(settings));
  await prepareStores(settings);
  const app = await NestFactory.createApplicationContext(WorkerModule.with(settings), {
    logger: createLogger(settings),
    abortOnError: false,
  });
  const workers = app.get(TaskWorkers);
  workers.start(queues, name === undefined ? {} : { name });
  workers.onShutdownRequested(() => process.emit('SIGTERM', 'SIGTERM'));
  stopOnSignal(async () => {
    await workers.drain(settings.shutdownGraceMs);
    await app.close();
  }, settings.shutdownGraceMs + closingMs);
}
