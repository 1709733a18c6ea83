import { parseArgs } from 'node:util';
import { processEnvironment } from './config/environment.js';
import { fail } from './fail.js';
import { settingsOf } from './settings.js';
import { parseWorkerOptions } from './worker-options.js';

try {
  const { values } = parseArgs({
    options: {
      queues: { type: 'string' },
      name: { type: 'string' },
      pool: { type: 'string' },
      concurrency: { type: 'string' },
      'max-tasks-per-child': { type: 'string' },
      'max-memory-per-child': { type: 'string' },
    },
  });
  const options = parseWorkerOptions(values);
  const env = processEnvironment();
  settingsOf(env);
  // Loading the application takes seconds: a wrong option or setting is reported before that.
  const { runWorker } = await import('./run-worker.js');
  await runWorker(options, env);
} catch (error) {
  fail(error);
}
