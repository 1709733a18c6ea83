import { describe, expect, it } from '@jest/globals';
import { Slots } from '../../../src/features/image-generation/engines/slots.js';

const patient = new AbortController().signal;

/** Lets everything go on that only waits for promises. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('slots', () => {
  it('have a fixed number, and go to the first caller', async () => {
    const slots = new Slots(2);
    const order: number[] = [];
    const giveBacks: (() => void)[] = [];
    for (let i = 0; i < 5; i++) {
      void slots.take(patient).then((giveBack) => {
        order.push(i);
        giveBacks.push(giveBack);
      });
    }
    for (let served = 2; served < 5; served++) {
      await settled();
      expect(order).toEqual(Array.from({ length: served }, (_, i) => i));
      giveBacks.shift()?.();
    }
    await settled();
    expect(order.length).toBe(5);
  });

  it('are not kept for callers that have left', async () => {
    const slots = new Slots(1);
    const giveBack = await slots.take(patient);
    const leaving = new AbortController();
    const reason = new Error('gone');
    const left = expect(slots.take(leaving.signal)).rejects.toThrow(reason);
    let served = false;
    const behind = slots.take(patient).then((free) => {
      served = true;
      return free;
    });
    leaving.abort(reason);
    await left;
    await settled();
    expect(served).toBe(false);
    giveBack();
    (await behind)();
    (await slots.take(patient))();
  });

  it('are given back once', async () => {
    const slots = new Slots(1);
    const giveBack = await slots.take(patient);
    giveBack();
    giveBack();
    await slots.take(patient);
    let second = false;
    void slots.take(patient).then(() => (second = true));
    await settled();
    expect(second).toBe(false);
  });

  it('are not given to a caller that is already stopped', async () => {
    const slots = new Slots(1);
    await expect(slots.take(AbortSignal.abort(new Error('gone')))).rejects.toMatchObject({
      message: 'gone',
    });
    (await slots.take(patient))();
  });

  it('are not taken back when a caller is stopped after it got one', async () => {
    const slots = new Slots(1);
    const leaving = new AbortController();
    const giveBack = await slots.take(leaving.signal);
    const next = slots.take(leaving.signal);
    const behind = slots.take(patient);
    giveBack();
    leaving.abort();
    (await next)();
    (await behind)();
    (await slots.take(patient))();
  });
});
