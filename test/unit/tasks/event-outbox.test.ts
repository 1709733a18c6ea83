import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { MessageBus } from '../../../src/infrastructure/queue/message-bus.js';
import { EventOutbox } from '../../../src/tasks/events/event-outbox.js';
import { EventStream } from '../../../src/tasks/events/event-stream.js';
import type { LiveEvent } from '../../../src/tasks/events/live-event.js';

function eventNo(active: number): LiveEvent {
  return { type: 'worker-heartbeat', at: '', worker: 'w', queues: [], active };
}

/** A bus that is as slow, or as broken, as the test wants. */
function busOf(publish: (batch: LiveEvent[]) => Promise<void>): MessageBus {
  return { publish: (_: string, batch: LiveEvent[]) => publish(batch) } as unknown as MessageBus;
}

describe('the outbox of live events', () => {
  it('gathers what comes while a message is on its way, at most 500 each, in order', async () => {
    const batches: LiveEvent[][] = [];
    const outbox = new EventOutbox(
      busOf(async (batch) => {
        batches.push(batch);
        if (batches.length === 1) for (let i = 1; i <= 1_000; i++) outbox.put(eventNo(i));
      }),
      () => 'w',
    );
    outbox.put(eventNo(0));
    await outbox.idle();
    assert.deepEqual(
      batches.map((batch) => batch.length),
      [1, 500, 500],
    );
    const numbers = batches.flat().map((event) => 'active' in event && event.active);
    assert.deepEqual(numbers, [...Array(1_001).keys()]);
  });

  it('drops what is too much, or cannot be told, and tells how many', async () => {
    const batches: LiveEvent[][] = [];
    let broken = true;
    const outbox = new EventOutbox(
      busOf(async (batch) => {
        if (broken) throw new Error('away');
        batches.push(batch);
      }),
      () => 'w',
    );
    for (let i = 0; i < 10_007; i++) outbox.put(eventNo(i));
    await outbox.idle();
    broken = false;
    outbox.put(eventNo(-1));
    outbox.put(eventNo(-2));
    await outbox.idle();
    assert.deepEqual(
      batches[0]!.map((event) => ('count' in event ? event.count : event.type)),
      [10_007, 'worker-heartbeat', 'worker-heartbeat'],
    );
    assert.equal(batches.length, 1);
  });
});

describe('a stream of live events', () => {
  it('keeps the newest for a slow reader, who hears what is missing', async () => {
    const stream = new EventStream('w');
    for (let i = 0; i < 10_003; i++) stream.put(eventNo(i));
    const read: LiveEvent[] = [];
    for await (const event of stream) {
      read.push(event);
      if (read.length === 2) stream.end();
    }
    assert.deepEqual(
      read.map((event) => ('count' in event ? event.count : 'active' in event && event.active)),
      [3, 3],
    );
  });
});
