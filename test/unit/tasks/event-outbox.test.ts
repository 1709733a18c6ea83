import { describe, expect, it } from '@jest/globals';
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
  it('gathers events while a message is under way, in order, at most 500 in each message', async () => {
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
    expect(batches.map((batch) => batch.length)).toEqual([1, 500, 500]);
    const numbers = batches.flat().map((event) => 'active' in event && event.active);
    expect(numbers).toEqual([...Array(1_001).keys()]);
  });

  it('drops events that are too many or cannot be sent, and says how many', async () => {
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
    expect(batches[0]!.map((event) => ('count' in event ? event.count : event.type))).toEqual([
      10_007,
      'worker-heartbeat',
      'worker-heartbeat',
    ]);
    expect(batches.length).toBe(1);
  });
});

describe('a stream of live events', () => {
  it('keeps the newest events for a slow reader, and says how many are missing', async () => {
    const stream = new EventStream('w');
    for (let i = 0; i < 10_003; i++) stream.put(eventNo(i));
    const read: LiveEvent[] = [];
    for await (const event of stream) {
      read.push(event);
      if (read.length === 2) stream.end();
    }
    expect(
      read.map((event) => ('count' in event ? event.count : 'active' in event && event.active)),
    ).toEqual([3, 3]);
  });
});
