import { parseArgs } from 'node:util';
import { processEnvironment } from './config/environment.js';
import { fail, settingsOf } from './run.js';
import { runWorker } from './run-worker.js';
import { parseQueueNames } from './tasks/queues.js';

try {
  const { values } = parseArgs({
    options: { queues: { type: 'string', default: 'all' }, name: { type: 'string' } },
  });
  const queues = parseQueueNames(values.queues);
  await runWorker({ queues, name: values.name }, settingsOf(processEnvironment()));
} catch (error) {
  fail(error);
}
