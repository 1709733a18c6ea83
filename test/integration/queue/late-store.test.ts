import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { about } from '../../support/about.js';
import { StoreQueue, StoreWorker } from '../../../src/infrastructure/queue/store-queue.js';
import { createQueueEngine } from '../../../src/infrastructure/queue/create-queue-engine.js';
import { hintQueueOptions, hintWorkerOptions } from '../../../src/tasks/definitions/queues.js';
import { eventually } from '../../support/eventually.js';
import { startLink } from '../../support/link.js';
import { openStores } from '../../support/queue-engines.js';

// On Redis, ioredis reconnects by itself; faults/store-outage takes it away.
describe('a queue in a Postgres that is not running at first', () => {
  it('waits without holding up the process, and works once Postgres runs', async () => {
    const stores = await openStores('postgres');
    const link = await startLink(stores.databaseUrl);
    await link.cut();
    // Accepts and hangs up, like a server that is about to go: BullMQ calls that no connection error.
    const dying = createServer((socket) => {
      hungUp++;
      socket.destroy();
    });
    let hungUp = 0;
    await once(dying.listen(Number(new URL(link.url).port), '127.0.0.1'), 'listening');
    const queueEngine = createQueueEngine(link.url);
    const seen: string[] = [];
    const errors: Error[] = [];
    const queue = new StoreQueue('low_priority', {
      ...queueEngine.options,
      ...hintQueueOptions,
    });
    queue.on('error', (error) => errors.push(error));
    const worker = new StoreWorker('low_priority', async (job) => seen.push(job.data.taskId), {
      ...queueEngine.options,
      ...hintWorkerOptions,
    });
    worker.on('error', (error) => errors.push(error));
    atTestEnd(async () => {
      await worker.close(true);
      await queue.close();
      await queueEngine.close();
      await link.close();
      await stores.close();
    });
    worker.run().catch((error: Error) => errors.push(error));
    const add = (taskId: string) => queue.add('x', { v: 1, taskId }, { jobId: taskId });
    await expect(add('early')).rejects.toThrow();
    await eventually('it has tried more than once', () => hungUp > 3);
    about(`${errors.length} errors`, () => expect(errors.length).toBeLessThan(200));
    dying.close();
    await once(dying, 'close');
    await link.mend();
    await eventually('a hint gets in', () =>
      add('late').then(
        () => true,
        () => false,
      ),
    );
    await eventually('it is processed', () => seen.includes('late'));
  });
});
