import { parseArgs } from 'node:util';
import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { processEnvironment } from './config/environment.js';
import { createLogger } from './infrastructure/http/logger.js';
import { closingMs, fail, prepareStores, settingsOf, stopOnSignal } from './run.js';
import { parseQueueNames } from './tasks/queues.js';
import { TaskWorkers } from './tasks/workers/task-workers.js';
import { WorkerModule } from './worker.module.js';

try {
  const { values } = parseArgs({
    options: { queues: { type: 'string', default: 'all' }, name: { type: 'string' } },
  });
  const queues = parseQueueNames(values.queues);
  const settings = settingsOf(processEnvironment());
  Logger.overrideLogger(createLogger(settings));
  await prepareStores(settings);
  const app = await NestFactory.createApplicationContext(WorkerModule.with(settings), {
    logger: createLogger(settings),
    abortOnError: false,
  });
  const workers = app.get(TaskWorkers);
  workers.start(queues, { ...(values.name !== undefined && { name: values.name }) });
  stopOnSignal(async () => {
    await workers.drain(settings.shutdownGraceMs);
    await app.close();
  }, settings.shutdownGraceMs + closingMs);
  workers.onShutdownRequested(() => process.emit('SIGTERM', 'SIGTERM'));
} catch (error) {
  fail(error);
}
