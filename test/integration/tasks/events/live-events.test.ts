import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { MessageBus } from '../../../../src/infrastructure/queue/message-bus.js';
import { eventsTopic } from '../../../../src/tasks/events/event-outbox.js';
import type { LiveEvent } from '../../../../src/tasks/events/live-event.js';
import { LiveEvents } from '../../../../src/tasks/events/live-events.js';
import type { TaskContext } from '../../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../../src/tasks/definitions/task-definition.js';
import { PermanentTaskError, RetryLater } from '../../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../../support/eventually.js';
import { onBothQueueEngines } from '../../../support/on-both-queue-engines.js';
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
    if (how === 'retries' && context.attempt === 1) throw new RetryLater(500);
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
  beforeAll(async () => {
    test = await openWorkers(engine, ['a', 'b'], { providers: [Handlers] });
  });
  afterAll(() => test.close());

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

  it('are not published while nobody watches', async () => {
    const bus = test.asker.get(MessageBus);
    const heard: unknown[] = [];
    const unsubscribe = await bus.subscribe(eventsTopic, (batch) => heard.push(batch));
    await test.asker.finished(await send('works'));
    // What a worker had published before its answer would have come before it.
    dataOf(await test.remote.inspect.ping());
    expect(heard).toEqual([]);
    await unsubscribe();
  });

  it('show the whole life of each task, from all workers, without its contents', async () => {
    const { seen, stop } = await watching();
    const ids = {
      works: await send('works'),
      retries: await send('retries'),
      fails: await send('fails'),
      reports: await send('reports'),
      expires: await send('works', { delayMs: 10, expiresInMs: 1 }),
    };
    const of = (id: string) => seen.filter((event) => 'taskId' in event && event.taskId === id);
    // Each process tells its own, so what two of them tell may arrive in either order. A sender speaks after its commit,
    // when a worker may have begun.
    const typesOf = (id: string) => {
      const types = of(id).toSorted((a, b) => a.at.localeCompare(b.at));
      return types.map(({ type }) => type).toSorted((a, b) => rank(a) - rank(b));
    };
    const rank = (type: LiveEvent['type']) => (type === 'task-sent' ? 0 : 1);
    const lives: Record<keyof typeof ids, LiveEvent['type'][]> = {
      works: ['task-sent', 'task-started', 'task-succeeded'],
      retries: ['task-sent', 'task-started', 'task-retried', 'task-started', 'task-succeeded'],
      fails: ['task-sent', 'task-started', 'task-failed'],
      reports: ['task-sent', 'task-started', 'task-progress', 'task-succeeded'],
      expires: ['task-sent', 'task-revoked'],
    };
    await eventually('all is told', () => {
      const told = Object.values(ids).flatMap((id) => of(id));
      return told.length >= Object.values(lives).flat().length;
    });
    for (const [how, life] of Object.entries(lives)) {
      expect(typesOf(ids[how as keyof typeof ids])).toEqual(life);
    }
    for (const event of seen) expect(Number.isNaN(Date.parse(event.at))).toBe(false);
    const failed = seen.find((event) => event.type === 'task-failed')!;
    expect([failed.name, failed.queue, failed.attempt, failed.code]).toEqual([
      'told',
      'normal_priority',
      1,
      'no_luck',
    ]);
    expect(JSON.stringify(seen)).not.toContain(canary);
    await stop();
  });

  it('pass a filter only if they match, and for await ends with its signal', async () => {
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
    expect(
      failures.every((event) => event.type === 'task-failed' && sent.includes(event.taskId)),
    ).toBe(true);
    await stop();
  });

  it('show a worker come online, beat and go offline to those who were already watching', async () => {
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
    expect('queues' in online && online.queues).toEqual(['low_priority']);
    await lab.close();
    const offline = await told('worker-offline');
    expect('active' in offline && offline.active).toEqual(0);
    await stop();
  });

  it('show what a producer has sent that ends at once', async () => {
    const { seen, stop } = await watching();
    const producer = await openTaskLab(engine, { stores: test.asker.stores, serve: [] });
    const id = await producer.send(told, { how: 'works', key: canary });
    await producer.close();
    await eventually('it is told', () =>
      seen.some((event) => event.type === 'task-sent' && event.taskId === id),
    );
    await stop();
  });
});
