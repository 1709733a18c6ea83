import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { thisProcess } from '../../../../src/tasks/process/process-identity.js';
import { onBothQueueEngines } from '../../../support/on-both-queue-engines.js';
import { eventually } from '../../../support/eventually.js';
import { openTaskLab } from '../../../support/task-lab.js';
import { openWorkers, type TestWorkers } from '../../../support/workers-of-a-test.js';

onBothQueueEngines('two workers with one name', (engine) => {
  let test: TestWorkers;
  beforeAll(async () => {
    test = await openWorkers(engine, ['twin', 'twin', 'other']);
  });
  afterAll(() => test.close());

  const addDead = (process: string, name: string, silentS: number) =>
    test.asker.database.query(
      `INSERT INTO workers (process, name, host, pid, queues, concurrency, pool, version, heartbeat_at)
       VALUES ($1, $2, 'gone', 1, '{high_priority}', 2, 'inline', '0', now() - $3 * interval '1 s')`,
      [process, name, silentS],
    );
  const workers = async (name: string) =>
    (await test.remote.workers()).filter((worker) => worker.name === name);

  it('are both listed and both asked', async () => {
    expect((await workers('twin')).length).toBe(2);
    const { replies, missing } = await test.remote.inspect.ping({ timeoutMs: 60_000 });
    expect([replies.map(({ worker }) => worker), missing]).toEqual([['other', 'twin', 'twin'], []]);
    const both = { destination: ['twin'], timeoutMs: 60_000 };
    const grown = await test.remote.control.poolGrow(1, both);
    expect(grown.replies.map(({ ok }) => ok)).toEqual([true, true]);
    for (const reply of grown.replies) expect(reply.ok && reply.data[0]?.concurrency).toBe(3);
    await eventually('both rows say so', async () =>
      (await workers('twin')).every(({ concurrency }) => concurrency === 3),
    );
  });

  it('show the silent one as missing beside the one that answers, unless it is long gone', async () => {
    await addDead('gone|3', 'other', 5);
    // A busy machine may need more than one call until the living one answers within two seconds.
    const fresh = await eventually('the living one answers', async () => {
      await test.asker.database.query(
        `UPDATE workers SET heartbeat_at = now() - interval '5 s' WHERE process = 'gone|3'`,
      );
      const asked = await test.remote.inspect.ping({ destination: ['other'], timeoutMs: 2_000 });
      return asked.replies.length === 1 && asked;
    });
    expect(fresh.missing).toEqual(['other']);
    await test.asker.database.query(
      `UPDATE workers SET heartbeat_at = now() - interval '20 s' WHERE process = 'gone|3'`,
    );
    const late = await eventually('it answers again', async () => {
      const asked = await test.remote.inspect.ping({ destination: ['other'], timeoutMs: 2_000 });
      return asked.replies.length === 1 && asked;
    });
    expect(late.missing).toEqual([]);
  });

  it('forget a killed one at once when a worker with its name starts on its host', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const [host] = thisProcess.split('|');
    await addDead(`${host}|${pid}|x`, 'reborn', 1);
    const lab = await openTaskLab(engine, {
      name: 'reborn',
      serve: ['normal_priority'],
      stores: test.asker.stores,
    });
    await eventually('it is there alone', async () => {
      const [one, ...more] = await workers('reborn');
      return more.length === 0 && one?.process.startsWith(thisProcess);
    });
    const { replies, missing } = await test.remote.inspect.ping({
      destination: ['reborn'],
      timeoutMs: 60_000,
    });
    expect([replies.length, missing]).toEqual([1, []]);
    await lab.close();
  });
});
