import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { closingMs } from './config/closing.js';
import type { Environment } from './config/environment.js';
import { createLogger } from './infrastructure/http/logger.js';
import { exitOnUncaught } from './infrastructure/http/uncaught.js';
import { prepareStores } from './prepare-stores.js';
import { settingsOf } from './settings.js';
import { stopOnSignal } from './stop-on-signal.js';
import { TaskWorkers } from './tasks/task-workers.js';
import type { WorkerOptions } from './worker-options.js';
import { WorkerModule } from './worker.module.js';

/**
 * Runs a worker until a signal stops this process. Undefined options come from the environment.
 *
 * @throws when it cannot start; the message says what to do
 */
export async function runWorker(
  { queues, ...options }: WorkerOptions,
  env: Environment,
): Promise<void> {
  const settings = settingsOf({
    ...env,
    workerPool: options.pool ?? env.workerPool,
    workerConcurrency: options.concurrency ?? env.workerConcurrency,
    workerMaxTasksPerChild: options.maxTasksPerChild ?? env.workerMaxTasksPerChild,
    workerMaxMemoryPerChildMb: options.maxMemoryPerChildMb ?? env.workerMaxMemoryPerChildMb,
  });
  Logger.overrideLogger(createLogger(settings));
  exitOnUncaught();
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
