import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { MessageBus } from '../../../../src/infrastructure/queue/message-bus.js';
import { onBothQueueEngines } from '../../../support/queue-engines.js';
import { eventually } from '../../../support/eventually.js';
import { dataOf, openWorkers, type TestWorkers } from '../../../support/workers-of-a-test.js';

onBothQueueEngines('workers that do not answer', (engine) => {
  let test: TestWorkers;
  before(async () => {
    test = await openWorkers(engine, ['a', 'b', 'deaf']);
    const { database } = test.asker;
    await database.query(
      `INSERT INTO workers (name, host, pid, queues, concurrency, pool, version, heartbeat_at)
       VALUES ('dead', 'gone', 1, '{high_priority}', 2, 'inline', '0', now() - interval '40 s'),
              ('forgotten', 'gone', 2, '{high_priority}', 2, 'inline', '0', now() - interval '61 s')`,
    );
    await test.workers[2]!.get(MessageBus).close();
  });
  after(() => test.close());

  it('are missing; the others answer', async () => {
    const { replies, missing } = await test.remote.inspect.ping({ timeoutMs: 500 });
    assert.deepEqual(
      replies.map(({ worker, ok }) => [worker, ok]),
      [
        ['a', true],
        ['b', true],
      ],
    );
    assert.deepEqual(missing, ['dead', 'deaf']);
  });

  it('nobody waits for them who did not ask them', async () => {
    const answers = await test.remote.inspect.ping({
      destination: ['a', 'b'],
      timeoutMs: 2 ** 30,
    });
    assert.deepEqual(Object.keys(dataOf(answers)), ['a', 'b']);
  });

  it('those who have died are forgotten; those who end say so', async () => {
    const names = async () => {
      const rows = await test.asker.database.query('SELECT name FROM workers ORDER BY name');
      return (rows as { name: string }[]).map(({ name }) => name).join();
    };
    await eventually('a heartbeat forgets', async () => !(await names()).includes('forgotten'));
    await test.workers[1]!.workers.drain(0);
    assert.equal(await names(), 'a,dead,deaf');
    dataOf(await test.remote.inspect.ping({ destination: ['a'] }));
  });
});
