import { expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { Client } from 'pg';
import { SteadyClient } from '../../../src/infrastructure/database/steady-client.js';
import { createQueueEngine } from '../../../src/infrastructure/queue/create-queue-engine.js';
import { StoreWorker } from '../../../src/infrastructure/queue/store-queue.js';
import { hintWorkerOptions } from '../../../src/tasks/definitions/queues.js';
import { eventually } from '../../support/eventually.js';
import { openStores } from '../../support/queue-engines.js';

type Query = (this: Client, ...args: unknown[]) => unknown;

/** Clients that BullMQ listens on, and how many listeners for errors each had before it was connected. */
function watchClients() {
  const listening = new Set<Client>();
  const atConnect = new Map<Client, number>();
  const connect = Reflect.get(Client.prototype, 'connect') as Query;
  Client.prototype.connect = function note(this: Client, ...args: unknown[]) {
    atConnect.set(this, this.listenerCount('error'));
    return connect.apply(this, args);
  } as Client['connect'];
  const query = Reflect.get(Client.prototype, 'query') as Query;
  Client.prototype.query = function note(this: Client, ...args: unknown[]) {
    const [first] = args;
    const sql = typeof first === 'string' ? first : String((first as { text?: string }).text);
    if (/^LISTEN /m.test(sql)) listening.add(this);
    return query.apply(this, args);
  } as unknown as Client['query'];
  return { listening, atConnect };
}

it('BullMQ listens through our steady clients, which handle errors from the start', async () => {
  const { listening, atConnect } = watchClients();
  const stores = await openStores('postgres');
  const engine = createQueueEngine(stores.databaseUrl);
  const worker = new StoreWorker('low_priority', async () => null, {
    ...engine.options,
    ...hintWorkerOptions,
  });
  worker.on('error', () => {});
  const relay = engine.createRelay();
  atTestEnd(async () => {
    await worker.close(true);
    await relay.close();
    await engine.close();
    await stores.close();
  });
  void worker.run();
  await relay.subscribe('topic', () => {});
  // One waits for hints, one for messages.
  await eventually('both listen', () => listening.size >= 2);
  for (const client of listening) {
    expect(client).toBeInstanceOf(SteadyClient);
    expect(atConnect.get(client)!).toBeGreaterThan(0);
  }
});
