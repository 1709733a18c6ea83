import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { MessageBus } from '../../../../src/infrastructure/queue/message-bus.js';
import { onBothQueueEngines } from '../../../support/on-both-queue-engines.js';
import { eventually } from '../../../support/eventually.js';
import { dataOf, openWorkers, type TestWorkers } from '../../../support/workers-of-a-test.js';

onBothQueueEngines('workers that do not answer', (engine) => {
  let test: TestWorkers;
  beforeAll(async () => {
    test = await openWorkers(engine, ['a', 'b', 'deaf']);
    const { database } = test.asker;
    await database.query(
      `INSERT INTO workers (process, name, host, pid, queues, concurrency, pool, version, heartbeat_at)
       VALUES ('gone|1', 'dead', 'gone', 1, '{high_priority}', 2, 'inline', '0', now() - interval '20 s'),
              ('gone|2', 'forgotten', 'gone', 2, '{high_priority}', 2, 'inline', '0', now() - interval '61 s')`,
    );
    await test.workers[2]!.get(MessageBus).close();
  });
  afterAll(() => test.close());

  it('are missing, while the others answer', async () => {
    const { replies, missing } = await test.remote.inspect.ping({ timeoutMs: 3_000 });
    expect(replies.map(({ worker, ok }) => [worker, ok])).toEqual([
      ['a', true],
      ['b', true],
    ]);
    expect(missing).toEqual(['dead', 'deaf']);
  });

  it('are not waited for when they were not asked', async () => {
    const answers = await test.remote.inspect.ping({
      destination: ['a', 'b'],
      timeoutMs: 2 ** 30,
    });
    expect(Object.keys(dataOf(answers))).toEqual(['a', 'b']);
  });

  it('are forgotten when they have died, and say so when they end', async () => {
    const names = async () => {
      const rows = await test.asker.database.query('SELECT name FROM workers ORDER BY name');
      return (rows as { name: string }[]).map(({ name }) => name).join();
    };
    await eventually('a heartbeat forgets', async () => !(await names()).includes('forgotten'));
    await test.workers[1]!.workers.drain(0);
    expect(await names()).toBe('a,dead,deaf');
    dataOf(await test.remote.inspect.ping({ destination: ['a'] }));
  });
});
