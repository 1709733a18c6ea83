import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { MessageBus } from '../../../../src/infrastructure/queue/message-bus.js';
import { eventsTopic } from '../../../../src/tasks/events/event-outbox.js';
import type { LiveEvent } from '../../../../src/tasks/events/live-event.js';
import { LiveEvents } from '../../../../src/tasks/events/live-events.js';
import type { TaskContext } from '../../../../src/tasks/task-context.js';
import { defineTask } from '../../../../src/tasks/task-definition.js';
import { PermanentTaskError, RetryLater } from '../../../../src/tasks/task-errors.js';
import { HandlesTask } from '../../../../src/tasks/task-handler.decorator.js';
import { eventually } from '../../../support/eventually.js';
import { onBothQueueEngines } from '../../../support/queue-engines.js';
import { openTaskLab } from '../../../support/task-lab.js';
import { dataOf, openWorkers, type TestWorkers } from '../../../support/workers-of-a-test.js';

const canary = 'CANARY51c';
const told = defineTask({
  name: 'told',
  queue: 'normal_priority',
  payload: z.object({ how: z.enum(['works', 'retries', 'fails', 'reports']), key: z.string() }),
  result: z.string(),
});

@Injectable()
class Handlers {
  @HandlesTask(told)
  async run({ how }: z.output<typeof told.payload>, context: TaskContext) {
    if (how === 'retries' && context.attempt === 1) throw new RetryLater(10);
    if (how === 'fails') throw new PermanentTaskError('no_luck', canary);
    if (how === 'reports') {
      context.progress({ percent: 50 });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return canary;
  }
}

onBothQueueEngines('live events', (engine) => {
  let test: TestWorkers;
  before(async () => {
    test = await openWorkers(engine, ['a', 'b'], { providers: [Handlers] });
  });
  after(() => test.close());

  const send = (how: z.output<typeof told.payload>['how'], options = {}) =>
    test.asker.send(told, { how, key: canary }, options);

  /** Watches, once every worker knows that somebody does. */
  async function watching(): Promise<{ seen: LiveEvent[]; stop: () => Promise<void> }> {
    const seen: LiveEvent[] = [];
    const stop = await test.asker.get(LiveEvents).subscribe((event) => seen.push(event));
    // They heard of the watcher before they heard this.
    dataOf(await test.remote.inspect.ping());
    return { seen, stop };
  }

  it('nothing is published while nobody watches', async () => {
    const bus = test.asker.get(MessageBus);
    const heard: unknown[] = [];
    const unsubscribe = await bus.subscribe(eventsTopic, (batch) => heard.push(batch));
    await test.asker.finished(await send('works'));
    // What a worker had published before its answer would have come before it.
    dataOf(await test.remote.inspect.ping());
    assert.deepEqual(heard, []);
    await unsubscribe();
  });

  it('the whole life of each task in order, from all workers, without its contents', async () => {
    const { seen, stop } = await watching();
    const ids = {
      works: await send('works'),
      retries: await send('retries'),
      fails: await send('fails'),
      reports: await send('reports'),
      expires: await send('works', { delayMs: 10, expiresInMs: 1 }),
    };
    const typesOf = (id: string) =>
      seen.flatMap((event) => ('taskId' in event && event.taskId === id ? [event.type] : []));
    await eventually('all ends are told', () =>
      Object.values(ids).every((id) =>
        typesOf(id).some((type) => /succeeded|failed|revoked/.test(type)),
      ),
    );
    assert.deepEqual(Object.fromEntries(Object.entries(ids).map(([k, id]) => [k, typesOf(id)])), {
      works: ['task-sent', 'task-started', 'task-succeeded'],
      retries: ['task-sent', 'task-started', 'task-retried', 'task-started', 'task-succeeded'],
      fails: ['task-sent', 'task-started', 'task-failed'],
      reports: ['task-sent', 'task-started', 'task-progress', 'task-succeeded'],
      expires: ['task-sent', 'task-revoked'],
    });
    for (const event of seen) assert.ok(!Number.isNaN(Date.parse(event.at)));
    const failed = seen.find((event) => event.type === 'task-failed')!;
    assert.deepEqual(
      [failed.name, failed.queue, failed.attempt, failed.code],
      ['told', 'normal_priority', 1, 'no_luck'],
    );
    assert.ok(!JSON.stringify(seen).includes(canary));
    await stop();
  });

  it('a filter passes what fits; for await ends with its signal', async () => {
    const { stop } = await watching();
    const enough = new AbortController();
    const failures: LiveEvent[] = [];
    const filter = { types: ['task-failed'], task: 'told', queue: 'normal_priority' } as const;
    const reading = (async () => {
      for await (const event of test.asker.get(LiveEvents).watch(filter, enough.signal)) {
        failures.push(event);
        if (failures.length === 2) enough.abort();
      }
    })();
    const sent: string[] = [];
    await eventually('two failures were read', async () => {
      sent.push(await send('fails'));
      return enough.signal.aborted;
    });
    await reading;
    assert.ok(
      failures.every((event) => event.type === 'task-failed' && sent.includes(event.taskId)),
    );
    await stop();
  });

  it('a worker is online, beats and goes offline, seen by who watched before it came', async () => {
    const { seen, stop } = await watching();
    const lab = await openTaskLab(engine, {
      providers: [Handlers],
      name: 'short',
      serve: ['low_priority'],
      stores: test.asker.stores,
    });
    const told = (type: LiveEvent['type']) =>
      eventually(`${type} is told`, () =>
        seen.find((event) => event.type === type && 'worker' in event && event.worker === 'short'),
      );
    const online = await told('worker-online');
    assert.deepEqual('queues' in online && online.queues, ['low_priority']);
    await lab.close();
    const offline = await told('worker-offline');
    assert.deepEqual('active' in offline && offline.active, 0);
    await stop();
  });
});
