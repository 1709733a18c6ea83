import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { describe, it } from 'node:test';
import {
  deadline,
  DeadlineExceeded,
  onAbort,
  pause,
  waitAtMost,
  within,
} from '../../../src/common/deadline.js';
import { collectGarbage } from '../../support/collect-garbage.js';

const never = () => new Promise<never>(() => {});
const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

describe('a deadline', () => {
  it('fires after a garbage collection, for each of 200 that nothing else holds', async () => {
    const outer = new AbortController();
    let fired = 0;
    const waits = Array.from({ length: 200 }, async () => {
      const { signal } = deadline(50, outer.signal);
      await new Promise<void>((resolve) => onAbort(signal, resolve));
      fired++;
    });
    await collectGarbage();
    await Promise.all(waits);
    assert.equal(fired, 200);
    assert.equal(listeners(outer.signal), 0);
  });

  it('fires with the reason of the first signal, and leaves no timer and no listener', () => {
    const before = timers();
    const [first, second] = [new AbortController(), new AbortController()];
    const { signal } = deadline(60_000, first.signal, undefined, second.signal);
    assert.equal(timers(), before + 1);
    second.abort('second');
    first.abort('first');
    assert.equal(signal.reason, 'second');
    assert.equal(listeners(first.signal), 0);
    assert.equal(timers(), before);
  });

  it('that was cleared never fires', async () => {
    const outer = new AbortController();
    const end = deadline(1, outer.signal);
    end.clear();
    outer.abort();
    await pause(5);
    assert.equal(end.signal.aborted, false);
  });

  it('of a signal that has fired has fired', () => {
    const before = timers();
    assert.equal(deadline(60_000, AbortSignal.abort('gone')).signal.reason, 'gone');
    assert.equal(timers(), before);
  });

  it('of no time has fired at the next turn, and one of more than 24 days is none', async () => {
    const late = deadline(2 ** 31);
    const endless = deadline(Infinity);
    await pause(-5);
    assert.equal(late.signal.aborted, false);
    assert.equal(endless.signal.aborted, false);
  });
});

describe('within', () => {
  it('gives the answer, and lets go of everything', async () => {
    const outer = new AbortController();
    const before = timers();
    assert.equal(await within(60_000, Promise.resolve(5), undefined, outer.signal), 5);
    assert.equal(timers(), before);
    assert.equal(listeners(outer.signal), 0);
  });

  it('says how long it waited, or what it was told to say', async () => {
    await assert.rejects(within(10, never()), new DeadlineExceeded(10));
    const late = ({ ms }: DeadlineExceeded) => new Error(`late after ${ms}`);
    await assert.rejects(within(10, never(), late), /late after 10/);
  });

  it('ends with the reason of its signal', async () => {
    const outer = new AbortController();
    const waiting = within(60_000, never(), undefined, outer.signal);
    outer.abort(new Error('hung up'));
    await assert.rejects(waiting, /hung up/);
  });

  it('ignores what becomes of late work', async () => {
    let fail = (_: Error) => {};
    const work = new Promise<void>((_, reject) => (fail = reject));
    await assert.rejects(within(1, work), DeadlineExceeded);
    fail(new Error('too late'));
    await collectGarbage();
  });
});

describe('waitAtMost', () => {
  it('tells whether the work was over', async () => {
    assert.equal(await waitAtMost(60_000, Promise.resolve()), true);
    assert.equal(await waitAtMost(1, never()), false);
    assert.equal(await waitAtMost(60_000, never(), AbortSignal.abort()), false);
    await assert.rejects(waitAtMost(60_000, Promise.reject(new Error('broken'))), /broken/);
  });
});

describe('pause', () => {
  it('ends early with its signal, without a complaint', async () => {
    const before = timers();
    const outer = new AbortController();
    const pausing = pause(60_000, outer.signal);
    outer.abort();
    await pausing;
    assert.equal(timers(), before);
  });
});
