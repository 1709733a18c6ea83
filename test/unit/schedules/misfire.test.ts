import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  maxRunsAtOnce,
  planTicks,
  toleranceMs,
  type MisfirePolicy,
} from '../../../src/tasks/schedules/misfire.js';
import { checkedTiming, type TimingInput } from '../../../src/tasks/schedules/timing.js';

const start = Date.parse('2026-11-21T12:00:00Z');
/** Runs and next tick in seconds after noon, for a schedule that was due at noon. */
function plan(misfire: MisfirePolicy, lateMs: number, input: TimingInput = { everyMs: 60_000 }) {
  const timing = checkedTiming(input, 'UTC');
  const nextAt = new Date(start);
  const planned = planTicks({ timing, misfire, nextAt }, new Date(start + lateMs));
  const seconds = (date: Date) => (date.getTime() - start) / 1000;
  return [planned.runs.map(seconds), seconds(planned.nextAt)];
}

const policies: MisfirePolicy[] = ['skip', 'one', 'all'];
for (const misfire of policies) {
  describe(misfire, () => {
    it('sends a tick on time', () => {
      assert.deepEqual(plan(misfire, 0), [[0], 60]);
    });

    it('sends a tick for which the worker is merely late', () => {
      assert.deepEqual(plan(misfire, toleranceMs), [[0], 60]);
    });

    it('sends each of the quick ticks for which it is late', () => {
      const quick = { everyMs: 1_000 };
      assert.deepEqual(plan(misfire, 3_500, quick), [[0, 1, 2, 3], 4]);
    });
  });
}

const hourLate = 3_600_000 + 30_000;

describe('ticks that were missed', () => {
  it('skip: none runs, and the next one is on the grid', () => {
    assert.deepEqual(plan('skip', toleranceMs + 1), [[], 60]);
    assert.deepEqual(plan('skip', hourLate), [[], 3660]);
  });

  it('skip: the one that is due just now runs', () => {
    assert.deepEqual(plan('skip', 3_600_000), [[3600], 3660]);
  });

  it('one: a single run for all of them, of the oldest due time', () => {
    assert.deepEqual(plan('one', toleranceMs + 1), [[0], 60]);
    assert.deepEqual(plan('one', hourLate), [[0], 3660]);
  });

  it('all: one run each, oldest first', () => {
    const [runs, next] = plan('all', 3 * 60_000 + 30_000);
    assert.deepEqual([runs, next], [[0, 60, 120, 180], 240]);
  });

  it('all: at most a hundred at once; the rest is due at once again', () => {
    const [runs, next] = plan('all', 86_400_000) as [number[], number];
    assert.equal(runs.length, maxRunsAtOnce);
    assert.equal(runs.at(-1), (maxRunsAtOnce - 1) * 60);
    assert.equal(next, maxRunsAtOnce * 60);
  });

  it('a cron is planned the same way', () => {
    const hourly = { cron: '0 * * * *' };
    const late = 3 * 3_600_000 + 60_000;
    assert.deepEqual(plan('skip', late, hourly), [[], 4 * 3600]);
    assert.deepEqual(plan('one', late, hourly), [[0], 4 * 3600]);
    assert.deepEqual(plan('all', late, hourly), [[0, 3600, 7200, 10800], 4 * 3600]);
  });

  it('an outage of a year costs a moment, not a walk through every second', () => {
    const secondly = { cron: '* * * * * *' };
    const [runs] = plan('skip', 365 * 86_400_000, secondly) as [number[], number];
    assert.equal(runs.length, toleranceMs / 1000 + 1);
  });
});
