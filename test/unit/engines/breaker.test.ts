import { afterEach, describe, expect, it, jest } from '@jest/globals';
import { Breaker } from '../../../src/common/breaker.js';

/** Lets everything go on that only waits for promises. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A breaker whose probes end when told, on a clock that stands still until told. */
function setUp() {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance', 'nextTick', 'queueMicrotask'] });
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  const probes: { succeed: () => void; fail: () => void }[] = [];
  const changes: boolean[] = [];
  const ping = () =>
    new Promise<void>((resolve, reject) => {
      probes.push({ succeed: resolve, fail: () => reject(new Error('away')) });
    });
  const breaker: Breaker = new Breaker(
    ping,
    () => changes.push(breaker.well),
    () => 1,
  );
  const pass = async (ms: number) => {
    now += ms;
    jest.advanceTimersByTime(ms + 1);
    await settled();
  };
  return { breaker, probes, changes, pass };
}

describe('the breaker of a backend', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('lets one probe at a time find out, and closes when it succeeds', async () => {
    const { breaker, probes, changes, pass } = setUp();
    expect(breaker.well).toBe(true);
    breaker.failed();
    expect(breaker.well).toBe(false);
    expect(probes.length).toBe(0);
    await pass(1_000);
    expect(probes.length).toBe(1);
    void breaker.probe();
    void breaker.probe();
    await pass(60_000);
    expect(probes.length).toBe(1);
    probes[0]!.succeed();
    await settled();
    expect(breaker.well).toBe(true);
    expect(changes).toEqual([false, true]);
    await pass(60_000);
    expect(probes.length).toBe(1);
  });

  it('probes further and further apart, but at least every ten seconds', async () => {
    const { breaker, probes, pass } = setUp();
    breaker.failed();
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      pauses.push(breaker.nextProbeMs);
      await pass(breaker.nextProbeMs);
      expect(probes.length).toBe(i + 1);
      probes[i]!.fail();
      await settled();
    }
    expect(pauses).toEqual([1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
  });

  it('leaves a backend alone for as long as it has asked', async () => {
    const { breaker, probes, pass } = setUp();
    breaker.failed(30_000);
    await pass(29_000);
    await breaker.probe();
    expect(probes.length).toBe(0);
    await pass(1_000);
    expect(probes.length).toBe(1);
  });

  it('does not trust a probe that was sent before a call was told to wait', async () => {
    const { breaker, probes, pass } = setUp();
    breaker.failed();
    await pass(1_000);
    breaker.failed(5_000);
    probes[0]!.succeed();
    await settled();
    expect(breaker.well).toBe(false);
    await pass(5_000);
    probes[1]!.succeed();
    await settled();
    expect(breaker.well).toBe(true);
  });

  it('waits longer for a backend that answers probes but fails at pictures', async () => {
    const { breaker, probes, pass } = setUp();
    for (const ms of [1_000, 2_000, 4_000]) {
      breaker.failed();
      expect(breaker.nextProbeMs).toBe(ms);
      await pass(ms);
      probes.at(-1)!.succeed();
      await settled();
      expect(breaker.well).toBe(true);
    }
    breaker.succeeded();
    breaker.failed();
    expect(breaker.nextProbeMs).toBe(1_000);
  });

  it('stops probing once it is closed for good', async () => {
    const { breaker, probes, pass } = setUp();
    breaker.failed();
    breaker.close();
    await pass(60_000);
    await breaker.probe();
    expect(probes.length).toBe(0);
  });
});
