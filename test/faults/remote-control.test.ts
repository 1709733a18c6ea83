import { hostname } from 'node:os';
import { expect, it } from '@jest/globals';
import { atTestEnd } from '../support/at-test-end.js';
import { WorkerControl } from '../../src/tasks/control/worker-control.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess } from '../support/processes.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { openTaskLab } from '../support/task-lab.js';
import { dataOf, errorsOf } from '../support/workers-of-a-test.js';

onBothQueueEngines('remote control of worker processes', (engine) => {
  it('reports a frozen worker as missing, which ignores the command later; shutdown ends a worker with exit code 0', async () => {
    const asker = await openTaskLab(engine, { serve: [] });
    atTestEnd(() => asker.close());
    const workers = ['one', 'two'].map((name) => {
      const started = startProcess(
        'src/worker.js',
        ['--queues', 'high_priority', '--name', `${name}@%h`],
        {
          DATABASE_URL: asker.stores.databaseUrl,
          QUEUE_URL: asker.stores.queueUrl,
          SD_API_URLS: 'http://127.0.0.1:1',
        },
      );
      atTestEnd(() => endProcess(started));
      return started;
    });
    const [one, two] = ['one', 'two'].map((name) => `${name}@${hostname()}`) as [string, string];
    const remote = asker.get(WorkerControl);
    await eventually('both are there', async () => (await remote.workers()).length === 2);
    const before = dataOf(await remote.inspect.activeQueues({ timeoutMs: 60_000 }));
    expect([before[one]![0]!.concurrency, before[two]![0]!.concurrency]).toEqual([2, 2]);

    workers[0]!.kill('SIGSTOP');
    const { replies, missing } = await remote.control.poolGrow(3, { timeoutMs: 5_000 });
    expect(replies.map(({ worker, ok }) => [worker, ok])).toEqual([[two, true]]);
    expect(missing).toEqual([one]);
    const again = await remote.inspect.ping({ destination: [one] });
    expect(again).toEqual({ replies: [], missing: [one] });
    workers[0]!.kill('SIGCONT');
    const after = dataOf(await remote.inspect.activeQueues({ timeoutMs: 60_000 }));
    expect([after[one]![0]!.concurrency, after[two]![0]!.concurrency]).toEqual([2, 5]);

    const only = { destination: [one], timeoutMs: 60_000 };
    expect(dataOf(await remote.control.shutdown(only))).toEqual({ [one]: { stopping: true } });
    expect(await workers[0]!.ended()).toBe(0);
    expect((await remote.workers()).map(({ name }) => name)).toEqual([two]);
    const wrong = errorsOf(await remote.ask('juggle' as 'ping', {}, { timeoutMs: 60_000 }));
    expect(wrong[two]!).toMatch(/does not know/);
  });
});
