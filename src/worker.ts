import { parseArgs } from 'node:util';
import { fail } from './run.js';
import { runWorker } from './run-worker.js';
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
  await runWorker(parseWorkerOptions(values));
} catch (error) {
  fail(error);
}
