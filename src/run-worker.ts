import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { processEnvironment, type Environment } from './config/environment.js';
import { createLogger } from './infrastructure/http/logger.js';
import { closingMs, prepareStores, settingsOf, stopOnSignal } from './run.js';
import { TaskWorkers } from './tasks/workers/task-workers.js';
import type { WorkerOptions } from './worker-options.js';
import { WorkerModule } from './worker.module.js';

/**
 * Runs a worker until a signal stops this process. Options that are undefined are the environment's.
 *
 * @throws when it cannot start; the message says what to do
 */
export async function runWorker(
  { queues, ...options }: WorkerOptions,
  env: Environment = processEnvironment(),
): Promise<void> {
  const settings = settingsOf({
    ...env,
    workerPool: options.pool ?? env.workerPool,
    workerConcurrency: options.concurrency ?? env.workerConcurrency,
    workerMaxTasksPerChild: options.maxTasksPerChild ?? env.workerMaxTasksPerChild,
    workerMaxMemoryPerChildMb: options.maxMemoryPerChildMb ?? env.workerMaxMemoryPerChildMb,
  });
  Logger.overrideLogger(createLogger(settings));
  await prepareStores(settings);
  const app = await NestFactory.createApplicationContext(WorkerModule.with(settings), {
    logger: createLogger(settings),
    abortOnError: false,
  });
  const workers = app.get(TaskWorkers);
  workers.start(queues, { ...(options.name !== undefined && { name: options.name }) });
  stopOnSignal(async () => {
    await workers.drain(settings.shutdownGraceMs);
    await app.close();
  }, settings.shutdownGraceMs + closingMs);
  workers.onShutdownRequested(() => process.emit('SIGTERM', 'SIGTERM'));
}
