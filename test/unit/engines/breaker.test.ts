import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { Breaker } from '../../../src/features/image-generation/breaker.js';

/** Lets everything go on that only waits for promises. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A breaker whose probes end when told, on a clock that stands still until told. */
function setUp(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
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
    t.mock.timers.tick(ms + 1);
    await settled();
  };
  return { breaker, probes, changes, pass };
}

describe('the breaker of a backend', () => {
  it('lets one probe at a time find out, and closes when it succeeds', async (t) => {
    const { breaker, probes, changes, pass } = setUp(t);
    assert.equal(breaker.well, true);
    breaker.failed();
    assert.equal(breaker.well, false);
    assert.equal(probes.length, 0);
    await pass(1_000);
    assert.equal(probes.length, 1);
    void breaker.probe();
    void breaker.probe();
    await pass(60_000);
    assert.equal(probes.length, 1);
    probes[0]!.succeed();
    await settled();
    assert.equal(breaker.well, true);
    assert.deepEqual(changes, [false, true]);
    await pass(60_000);
    assert.equal(probes.length, 1);
  });

  it('probes further and further apart, but at least every ten seconds', async (t) => {
    const { breaker, probes, pass } = setUp(t);
    breaker.failed();
    const pauses: number[] = [];
    for (let i = 0; i < 7; i++) {
      pauses.push(breaker.nextProbeMs);
      await pass(breaker.nextProbeMs);
      assert.equal(probes.length, i + 1);
      probes[i]!.fail();
      await settled();
    }
    assert.deepEqual(pauses, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
  });

  it('leaves a backend alone for as long as it has asked', async (t) => {
    const { breaker, probes, pass } = setUp(t);
    breaker.failed(30_000);
    await pass(29_000);
    await breaker.probe();
    assert.equal(probes.length, 0);
    await pass(1_000);
    assert.equal(probes.length, 1);
  });

  it('does not trust a probe that was sent before a call was told to wait', async (t) => {
    const { breaker, probes, pass } = setUp(t);
    breaker.failed();
    await pass(1_000);
    breaker.failed(5_000);
    probes[0]!.succeed();
    await settled();
    assert.equal(breaker.well, false);
    await pass(5_000);
    probes[1]!.succeed();
    await settled();
    assert.equal(breaker.well, true);
  });

  it('waits longer for one that answers probes and fails at pictures', async (t) => {
    const { breaker, probes, pass } = setUp(t);
    for (const ms of [1_000, 2_000, 4_000]) {
      breaker.failed();
      assert.equal(breaker.nextProbeMs, ms);
      await pass(ms);
      probes.at(-1)!.succeed();
      await settled();
      assert.equal(breaker.well, true);
    }
    breaker.succeeded();
    breaker.failed();
    assert.equal(breaker.nextProbeMs, 1_000);
  });

  it('probes no more once it is closed for good', async (t) => {
    const { breaker, probes, pass } = setUp(t);
    breaker.failed();
    breaker.close();
    await pass(60_000);
    await breaker.probe();
    assert.equal(probes.length, 0);
  });
});
