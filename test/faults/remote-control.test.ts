import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { it } from 'node:test';
import { WorkerControl } from '../../src/tasks/control/worker-control.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess } from '../support/processes.js';
import { onBothQueueEngines } from '../support/queue-engines.js';
import { openTaskLab } from '../support/task-lab.js';
import { dataOf, errorsOf } from '../support/workers-of-a-test.js';

onBothQueueEngines('remote control of worker processes', (engine) => {
  it('a frozen one is missing and does not make up for it; shutdown ends one with 0', async (t) => {
    const asker = await openTaskLab(engine, { serve: [] });
    t.after(() => asker.close());
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
      t.after(() => endProcess(started));
      return started;
    });
    const [one, two] = ['one', 'two'].map((name) => `${name}@${hostname()}`) as [string, string];
    const remote = asker.get(WorkerControl);
    await eventually('both are there', async () => (await remote.workers()).length === 2);
    const before = dataOf(await remote.inspect.activeQueues({ timeoutMs: 10_000 }));
    assert.deepEqual([before[one]![0]!.concurrency, before[two]![0]!.concurrency], [2, 2]);

    workers[0]!.kill('SIGSTOP');
    const { replies, missing } = await remote.control.poolGrow(3);
    assert.deepEqual(
      replies.map(({ worker, ok }) => [worker, ok]),
      [[two, true]],
    );
    assert.deepEqual(missing, [one]);
    const again = await remote.inspect.ping({ destination: [one] });
    assert.deepEqual(again, { replies: [], missing: [one] });
    workers[0]!.kill('SIGCONT');
    const after = dataOf(await remote.inspect.activeQueues({ timeoutMs: 10_000 }));
    assert.deepEqual([after[one]![0]!.concurrency, after[two]![0]!.concurrency], [2, 5]);

    const only = { destination: [one], timeoutMs: 10_000 };
    assert.deepEqual(dataOf(await remote.control.shutdown(only)), { [one]: { stopping: true } });
    assert.equal(await workers[0]!.ended(), 0);
    assert.deepEqual(
      (await remote.workers()).map(({ name }) => name),
      [two],
    );
    const wrong = errorsOf(await remote.ask('juggle' as 'ping', {}, { timeoutMs: 10_000 }));
    assert.match(wrong[two]!, /does not know/);
  });
});
