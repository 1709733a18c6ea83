import type { QueueEngineName } from './queue-engines.js';
import { openPoolLab } from './pool-lab.js';

/** A worker of its own process, to be killed; it has the stores of the test that started it. */
const { DATABASE_URL, QUEUE_URL, ENGINE } = process.env;
await openPoolLab(
  ENGINE as QueueEngineName,
  {},
  { databaseUrl: DATABASE_URL!, queueUrl: QUEUE_URL, close: async () => {} },
);
process.stdout.write('Serving\n');
