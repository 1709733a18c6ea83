import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Slots } from '../../../src/features/image-generation/engines/slots.js';

const patient = new AbortController().signal;

/** Lets everything go on that only waits for promises. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('slots', () => {
  it('are so many, and go to who came first', async () => {
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
      assert.deepEqual(
        order,
        Array.from({ length: served }, (_, i) => i),
      );
      giveBacks.shift()?.();
    }
    await settled();
    assert.equal(order.length, 5);
  });

  it('are not waited for by who left', async () => {
    const slots = new Slots(1);
    const giveBack = await slots.take(patient);
    const leaving = new AbortController();
    const reason = new Error('gone');
    const left = assert.rejects(slots.take(leaving.signal), reason);
    let served = false;
    const behind = slots.take(patient).then((free) => {
      served = true;
      return free;
    });
    leaving.abort(reason);
    await left;
    await settled();
    assert.equal(served, false);
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
    assert.equal(second, false);
  });

  it('are not for who is stopped already', async () => {
    const slots = new Slots(1);
    await assert.rejects(slots.take(AbortSignal.abort(new Error('gone'))), { message: 'gone' });
    (await slots.take(patient))();
  });

  it('do not take back what they gave', async () => {
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
