import { getEventListeners } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import {
  deadline,
  DeadlineExceeded,
  onAbort,
  pause,
  sharedAbort,
  waitAtMost,
  within,
} from '../../../src/common/deadline.js';
import { collectGarbage } from '../../support/collect-garbage.js';

const never = () => new Promise<never>(() => {});
const listeners = (signal: AbortSignal) => getEventListeners(signal, 'abort').length;
const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;

describe('a deadline', () => {
  it('fires after a garbage collection, for each of 200 that nothing else holds', async () => {
    const outer = sharedAbort();
    let fired = 0;
    const waits = Array.from({ length: 200 }, async () => {
      const { signal } = deadline(50, outer.signal);
      await new Promise<void>((resolve) => onAbort(signal, resolve));
      fired++;
    });
    await collectGarbage();
    await Promise.all(waits);
    expect(fired).toBe(200);
    expect(listeners(outer.signal)).toBe(0);
  });

  it('fires with the reason of the first signal, and leaves no timer and no listener', () => {
    const before = timers();
    const [first, second] = [new AbortController(), new AbortController()];
    const { signal } = deadline(60_000, first.signal, undefined, second.signal);
    expect(timers()).toBe(before + 1);
    second.abort('second');
    first.abort('first');
    expect(signal.reason).toBe('second');
    expect(listeners(first.signal)).toBe(0);
    expect(timers()).toBe(before);
  });

  it('never fires after it was cleared', async () => {
    const outer = new AbortController();
    const end = deadline(1, outer.signal);
    end.clear();
    outer.abort();
    await pause(5);
    expect(end.signal.aborted).toBe(false);
  });

  it('has fired when its signal had fired before', () => {
    const before = timers();
    expect(deadline(60_000, AbortSignal.abort('gone')).signal.reason).toBe('gone');
    expect(timers()).toBe(before);
  });

  it('of 0 ms has fired at the next turn, and one of more than 24 days never fires', async () => {
    const late = deadline(2 ** 31);
    const endless = deadline(Infinity);
    await pause(-5);
    expect(late.signal.aborted).toBe(false);
    expect(endless.signal.aborted).toBe(false);
  });
});

describe('within', () => {
  it('gives the answer, and lets go of everything', async () => {
    const outer = new AbortController();
    const before = timers();
    expect(await within(60_000, Promise.resolve(5), undefined, outer.signal)).toBe(5);
    expect(timers()).toBe(before);
    expect(listeners(outer.signal)).toBe(0);
  });

  it('says how long it waited, or what it was told to say', async () => {
    await expect(within(10, never())).rejects.toMatchObject(new DeadlineExceeded(10));
    const late = ({ ms }: DeadlineExceeded) => new Error(`late after ${ms}`);
    await expect(within(10, never(), late)).rejects.toThrow(/late after 10/);
  });

  it('ends with the reason of its signal', async () => {
    const outer = new AbortController();
    const waiting = within(60_000, never(), undefined, outer.signal);
    outer.abort(new Error('hung up'));
    await expect(waiting).rejects.toThrow(/hung up/);
  });

  it('ignores how late work ends', async () => {
    let fail = (_: Error) => {};
    const work = new Promise<void>((_, reject) => (fail = reject));
    await expect(within(1, work)).rejects.toThrow(DeadlineExceeded);
    fail(new Error('too late'));
    await collectGarbage();
  });
});

describe('waitAtMost', () => {
  it('says whether the work was over', async () => {
    expect(await waitAtMost(60_000, Promise.resolve())).toBe(true);
    expect(await waitAtMost(1, never())).toBe(false);
    expect(await waitAtMost(60_000, never(), AbortSignal.abort())).toBe(false);
    await expect(waitAtMost(60_000, Promise.reject(new Error('broken')))).rejects.toThrow(/broken/);
  });
});

describe('pause', () => {
  it('ends early with its signal, without an error', async () => {
    const before = timers();
    const outer = new AbortController();
    const pausing = pause(60_000, outer.signal);
    outer.abort();
    await pausing;
    expect(timers()).toBe(before);
  });
});

describe('sharedAbort', () => {
  it('lets any number of waits listen without a warning of a leak', async () => {
    const warnings: Error[] = [];
    const warned = (warning: Error) => warnings.push(warning);
    process.on('warning', warned);
    const stop = sharedAbort();
    const waits = Array.from({ length: 100 }, () => pause(60_000, stop.signal));
    stop.abort();
    await Promise.all(waits);
    await new Promise(setImmediate);
    process.off('warning', warned);
    expect(warnings).toEqual([]);
  });
});
