import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { MessageBus } from '../../../../src/infrastructure/queue/message-bus.js';
import { requestsTopic } from '../../../../src/tasks/control/control-messages.js';
import { defineTask } from '../../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../../support/eventually.js';
import { onBothQueueEngines } from '../../../support/on-both-queue-engines.js';
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
  beforeAll(async () => {
    test = await openWorkers(engine, ['a', 'b'], {
      providers: [Handlers],
      settings: { workerConcurrency: 1 },
    });
  });
  afterAll(() => test.close());

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

  it('a pool grows while its tasks run, and never shrinks below one', async () => {
    const ids = await send(5);
    await eventually('one runs in each', () => runningIn(0) === 1 && runningIn(1) === 1);
    const grown = dataOf(await test.remote.control.poolGrow(2, { destination: ['a'] }));
    expect(grown).toEqual({
      a: [{ queue: 'normal_priority', concurrency: 3, running: 1, paused: false }],
    });
    await eventually('three run at once', () => runningIn(0) === 3);
    expect(runningIn(1)).toBe(1);
    const shrunk = dataOf(await test.remote.control.poolShrink(5, { queue: 'normal_priority' }));
    expect(Object.values(shrunk).map(([queue]) => queue!.concurrency)).toEqual([1, 1]);
    await endAll(ids);
    const after = await send(3);
    await eventually('one runs in each again', () => runningIn(0) === 1 && runningIn(1) === 1);
    const { a } = dataOf(await test.remote.inspect.activeQueues());
    expect(a![0]!.running).toBe(1);
    await endAll(after);
  });

  it('a cancelled queue gives no more tasks while its running one continues, and can be added again', async () => {
    const ids = await send(1);
    await eventually('it runs', () => running() === 1);
    const cancelled = dataOf(await test.remote.control.cancelConsumer('normal_priority'));
    expect(Object.values(cancelled).map(([queue]) => queue!.paused)).toEqual([true, true]);
    await eventually('the table knows', async () => {
      return (await test.remote.workers()).every(({ queues }) => queues.length === 0);
    });
    ids.push(...(await send(2)));
    const probe = await test.asker.send(held, null, { queue: 'high_priority' });
    const added = dataOf(
      await test.remote.control.addConsumer('high_priority', { destination: ['b'] }),
    );
    expect(added['b']!.map(({ queue, paused }) => [queue, paused])).toEqual([
      ['high_priority', false],
      ['normal_priority', true],
    ]);
    await test.asker.reaches(probe, 'STARTED');
    for (const id of ids.slice(1)) expect((await test.asker.task(id)).attempt).toBe(0);
    await endAll([ids[0]!, probe]);
    dataOf(await test.remote.control.addConsumer('normal_priority'));
    dataOf(await test.remote.control.cancelConsumer('high_priority'));
    await endAll(ids);
  });

  it('destination limits a command to the named workers, and an unknown name is missing', async () => {
    const { replies, missing } = await test.remote.control.poolGrow(1, {
      destination: ['b', 'nobody'],
      timeoutMs: 60_000,
    });
    expect(replies.map(({ worker }) => worker)).toEqual(['b']);
    expect(missing).toEqual(['nobody']);
    const { a } = dataOf(await test.remote.inspect.activeQueues());
    expect(a![0]!.concurrency).toBe(1);
    dataOf(await test.remote.control.poolShrink(1, { destination: ['b'] }));
  });

  it('an invalid command is answered with a message, and does no harm', async () => {
    const { remote } = test;
    const wrong = errorsOf(await remote.control.poolGrow(0));
    expect(wrong['a']!).toMatch(/^Arguments of pool_grow: .*>=1/s);
    const unserved = errorsOf(await remote.control.poolShrink(1, { queue: 'low_priority' }));
    expect(unserved['b']!).toMatch(/does not serve low_priority/);
    const newer = errorsOf(await remote.ask('juggle' as 'ping', {}));
    expect(newer['a']!).toMatch(/does not know the command "juggle"/);
    const inherited = errorsOf(await remote.ask('constructor' as 'ping', {}));
    expect(inherited['a']!).toMatch(/does not know the command/);
    const stop = errorsOf(await remote.control.shutdown());
    expect(stop['a']!).toMatch(/npm start/);
    await test.asker.get(MessageBus).publish(requestsTopic, { nonsense: true });
    expect(Object.keys(dataOf(await remote.inspect.ping()))).toEqual(['a', 'b']);
  });

  it('shutdown is acknowledged, and then requested from the process once', async () => {
    let asked = 0;
    test.workers[1]!.workers.onShutdownRequested(() => asked++);
    const only = { destination: ['b'] };
    expect(dataOf(await test.remote.control.shutdown(only))).toEqual({ b: { stopping: true } });
    dataOf(await test.remote.control.shutdown(only));
    await eventually('the process was asked', () => asked > 0);
    dataOf(await test.remote.inspect.ping());
    expect(asked).toBe(1);
    const refused = errorsOf(await test.remote.control.addConsumer('low_priority', only));
    expect(refused['b']!).toMatch(/is stopping/);
  });
});
