import { describe, expect, it } from '@jest/globals';
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
      expect(plan(misfire, 0)).toEqual([[0], 60]);
    });

    it('sends a tick for which the worker is merely late', () => {
      expect(plan(misfire, toleranceMs)).toEqual([[0], 60]);
    });

    it('sends every one of several frequent ticks for which it is late', () => {
      const quick = { everyMs: 1_000 };
      expect(plan(misfire, 3_500, quick)).toEqual([[0, 1, 2, 3], 4]);
    });
  });
}

const hourLate = 3_600_000 + 30_000;

describe('ticks that were missed', () => {
  it('skip sends none of them, and the next tick is on the grid', () => {
    expect(plan('skip', toleranceMs + 1)).toEqual([[], 60]);
    expect(plan('skip', hourLate)).toEqual([[], 3660]);
  });

  it('skip still sends the tick that is due just now', () => {
    expect(plan('skip', 3_600_000)).toEqual([[3600], 3660]);
  });

  it('one sends a single run for all of them, with the oldest due time', () => {
    expect(plan('one', toleranceMs + 1)).toEqual([[0], 60]);
    expect(plan('one', hourLate)).toEqual([[0], 3660]);
  });

  it('all sends a run for each, oldest first', () => {
    const [runs, next] = plan('all', 3 * 60_000 + 30_000);
    expect([runs, next]).toEqual([[0, 60, 120, 180], 240]);
  });

  it('all sends at most a hundred at once, and the rest is due again immediately', () => {
    const [runs, next] = plan('all', 86_400_000) as [number[], number];
    expect(runs.length).toBe(maxRunsAtOnce);
    expect(runs.at(-1)).toBe((maxRunsAtOnce - 1) * 60);
    expect(next).toBe(maxRunsAtOnce * 60);
  });

  it('are planned in the same way for a cron', () => {
    const hourly = { cron: '0 * * * *' };
    const late = 3 * 3_600_000 + 60_000;
    expect(plan('skip', late, hourly)).toEqual([[], 4 * 3600]);
    expect(plan('one', late, hourly)).toEqual([[0], 4 * 3600]);
    expect(plan('all', late, hourly)).toEqual([[0, 3600, 7200, 10800], 4 * 3600]);
  });

  it('are planned at once even after a year, without a walk through every second', () => {
    const secondly = { cron: '* * * * * *' };
    const [runs] = plan('skip', 365 * 86_400_000, secondly) as [number[], number];
    expect(runs.length).toBe(toleranceMs / 1000 + 1);
  });
});
