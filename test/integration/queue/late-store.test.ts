import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, it } from 'node:test';
import { createQueueEngine } from '../../../src/infrastructure/queue/queue.module.js';
import { hintQueueOptions, hintWorkerOptions } from '../../../src/tasks/queues.js';
import { eventually } from '../../support/eventually.js';
import { startLink } from '../../support/link.js';
import { openStores } from '../../support/queue-engines.js';

// On Redis, ioredis reconnects by itself; faults/store-outage takes it away.
describe('a queue in a Postgres that is away at first', () => {
  it('waits without holding up the process, and works once the store is there', async (t) => {
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
    const queue = queueEngine.createQueue('low_priority', hintQueueOptions);
    queue.on('error', (error) => errors.push(error));
    const worker = queueEngine.createWorker(
      'low_priority',
      async (job) => seen.push(job.data.taskId),
      hintWorkerOptions,
    );
    worker.on('error', (error) => errors.push(error));
    t.after(async () => {
      await worker.close(true);
      await queue.close();
      await queueEngine.close();
      await link.close();
      await stores.close();
    });
    worker.run().catch((error: Error) => errors.push(error));
    const add = (taskId: string) => queue.add('x', { v: 1, taskId }, { jobId: taskId });
    await assert.rejects(add('early'));
    await eventually('it has tried more than once', () => hungUp > 3);
    assert.ok(errors.length < 200, `${errors.length} errors`);
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
