import { fileURLToPath } from 'node:url';
import type { QueueEngineName } from './queue-engines.js';
import { LingerHandlers } from './recovery-tasks.js';
import { openTaskLab } from './task-lab.js';

/** A worker to be killed, with the lease and the queue's times of production. */
const { DATABASE_URL, QUEUE_URL, ENGINE, NAME, POOL } = process.env;
await openTaskLab(ENGINE as QueueEngineName, {
  providers: [LingerHandlers],
  serve: ['normal_priority'],
  name: NAME!,
  settings: {
    leaseMs: 6_000,
    reconcileMs: 30_000,
    workerConcurrency: 3,
    workerPool: POOL as 'inline' | 'processes',
    childProgram: fileURLToPath(new URL('./recovery-child.js', import.meta.url)),
  },
  stores: { databaseUrl: DATABASE_URL!, queueUrl: QUEUE_URL || undefined, close: async () => {} },
});
process.stdout.write('Serving\n');
