import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { MessageBus } from '../../../../src/infrastructure/queue/message-bus.js';
import { requestsTopic } from '../../../../src/tasks/control/control-messages.js';
import { defineTask } from '../../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../../src/tasks/task-handler.decorator.js';
import { eventually } from '../../../support/eventually.js';
import { onBothQueueEngines } from '../../../support/queue-engines.js';
import {
  dataOf,
  errorsOf,
  openWorkers,
  type TestWorkers,
} from '../../../support/workers-of-a-test.js';

const held = defineTask({
  name: 'held',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.null(),
});

@Injectable()
class Handlers {
  readonly held: (() => void)[] = [];

  @HandlesTask(held)
  async hold() {
    await new Promise<void>((resolve) => this.held.push(resolve));
    return null;
  }
}

onBothQueueEngines('controlling workers', (engine) => {
  let test: TestWorkers;
  before(async () => {
    test = await openWorkers(engine, ['a', 'b'], {
      providers: [Handlers],
      settings: { workerConcurrency: 1 },
    });
  });
  after(() => test.close());

  const send = (count: number) =>
    Promise.all(Array.from({ length: count }, () => test.asker.send(held, null)));
  const runningIn = (worker: number) => test.workers[worker]!.get(Handlers).held.length;
  const running = () => runningIn(0) + runningIn(1);
  const endAll = async (ids: string[]) => {
    await eventually('all tasks are over', async () => {
      for (const { get } of test.workers) {
        get(Handlers)
          .held.splice(0)
          .forEach((letGo) => letGo());
      }
      const states = await Promise.all(ids.map((id) => test.asker.task(id)));
      return states.every(({ state }) => state === 'SUCCESS');
    });
  };

  it('a pool grows while its tasks run, and shrinks, never below one', async () => {
    const ids = await send(5);
    await eventually('one runs in each', () => runningIn(0) === 1 && runningIn(1) === 1);
    const grown = dataOf(await test.remote.control.poolGrow(2, { destination: ['a'] }));
    assert.deepEqual(grown, {
      a: [{ queue: 'normal_priority', concurrency: 3, running: 1, paused: false }],
    });
    await eventually('three run at once', () => runningIn(0) === 3);
    assert.equal(runningIn(1), 1);
    const shrunk = dataOf(await test.remote.control.poolShrink(5, { queue: 'normal_priority' }));
    assert.deepEqual(
      Object.values(shrunk).map(([queue]) => queue!.concurrency),
      [1, 1],
    );
    await endAll(ids);
    const after = await send(3);
    await eventually('one runs in each again', () => runningIn(0) === 1 && runningIn(1) === 1);
    const { a } = dataOf(await test.remote.inspect.activeQueues());
    assert.equal(a![0]!.running, 1);
    await endAll(after);
  });

  it('a cancelled queue gives no more tasks, its running one goes on; it can be added again', async () => {
    const ids = await send(1);
    await eventually('it runs', () => running() === 1);
    const cancelled = dataOf(await test.remote.control.cancelConsumer('normal_priority'));
    assert.deepEqual(
      Object.values(cancelled).map(([queue]) => queue!.paused),
      [true, true],
    );
    await eventually('the table knows', async () => {
      return (await test.remote.workers()).every(({ queues }) => queues.length === 0);
    });
    ids.push(...(await send(2)));
    const probe = await test.asker.send(held, null, { queue: 'high_priority' });
    const added = dataOf(
      await test.remote.control.addConsumer('high_priority', { destination: ['b'] }),
    );
    assert.deepEqual(
      added['b']!.map(({ queue, paused }) => [queue, paused]),
      [
        ['high_priority', false],
        ['normal_priority', true],
      ],
    );
    await test.asker.reaches(probe, 'STARTED');
    for (const id of ids.slice(1)) assert.equal((await test.asker.task(id)).attempt, 0);
    await endAll([ids[0]!, probe]);
    dataOf(await test.remote.control.addConsumer('normal_priority'));
    dataOf(await test.remote.control.cancelConsumer('high_priority'));
    await endAll(ids);
  });

  it('destination: only those who are meant do it; a name that is none is missing', async () => {
    const { replies, missing } = await test.remote.control.poolGrow(1, {
      destination: ['b', 'nobody'],
      timeoutMs: 60_000,
    });
    assert.deepEqual(
      replies.map(({ worker }) => worker),
      ['b'],
    );
    assert.deepEqual(missing, ['nobody']);
    const { a } = dataOf(await test.remote.inspect.activeQueues());
    assert.equal(a![0]!.concurrency, 1);
    dataOf(await test.remote.control.poolShrink(1, { destination: ['b'] }));
  });

  it('what is wrong is answered with a sentence, and harms nobody', async () => {
    const { remote } = test;
    const wrong = errorsOf(await remote.control.poolGrow(0));
    assert.match(wrong['a']!, /^Arguments of pool_grow: .*>=1/s);
    const unserved = errorsOf(await remote.control.poolShrink(1, { queue: 'low_priority' }));
    assert.match(unserved['b']!, /does not serve low_priority/);
    const newer = errorsOf(await remote.ask('juggle' as 'ping', {}));
    assert.match(newer['a']!, /does not know the command "juggle"/);
    const inherited = errorsOf(await remote.ask('constructor' as 'ping', {}));
    assert.match(inherited['a']!, /does not know the command/);
    const stop = errorsOf(await remote.control.shutdown());
    assert.match(stop['a']!, /npm start/);
    await test.asker.get(MessageBus).publish(requestsTopic, { nonsense: true });
    assert.deepEqual(Object.keys(dataOf(await remote.inspect.ping())), ['a', 'b']);
  });

  it('shutdown is acknowledged, then asked of the process, once', async () => {
    let asked = 0;
    test.workers[1]!.workers.onShutdownRequested(() => asked++);
    const only = { destination: ['b'] };
    assert.deepEqual(dataOf(await test.remote.control.shutdown(only)), { b: { stopping: true } });
    dataOf(await test.remote.control.shutdown(only));
    await eventually('the process was asked', () => asked > 0);
    dataOf(await test.remote.inspect.ping());
    assert.equal(asked, 1);
    const refused = errorsOf(await test.remote.control.addConsumer('low_priority', only));
    assert.match(refused['b']!, /is stopping/);
  });
});
