import { ticksOf, type Timing } from './timing.js';

/**
 * What happens to ticks that were missed because no worker was running.
 * `skip`: they are dropped; `one`: one run for all of them; `all`: one run for each.
 */
export const MISFIRE_POLICIES = ['skip', 'one', 'all'] as const;
export type MisfirePolicy = (typeof MISFIRE_POLICIES)[number];

/** A tick that is later than this was missed. Longer than the ticker's longest nap. Milliseconds. */
export const toleranceMs = 15_000;
/** Most runs sent in one transaction; the next one sends the rest. */
export const maxRunsAtOnce = 100;

export interface TickPlan {
  /** Due times of the runs to send now, oldest first. */
  runs: Date[];
  nextAt: Date;
}

/**
 * Decides what to send at the time `now` for a schedule that is due at `nextAt`. With `one`, the single
 * run has the due time of the oldest missed tick.
 */
export function planTicks(
  schedule: { timing: Timing; misfire: MisfirePolicy; nextAt: Date },
  now: Date,
): TickPlan {
  const { misfire, nextAt } = schedule;
  const next = ticksOf(schedule.timing);
  const missedBefore = new Date(now.getTime() - toleranceMs);
  const runs: Date[] = [];
  let tick = nextAt;
  if (misfire !== 'all' && nextAt < missedBefore) {
    if (misfire === 'one') runs.push(nextAt);
    tick = next(new Date(missedBefore.getTime() - 1), nextAt);
  }
  while (tick <= now && runs.length < maxRunsAtOnce) {
    runs.push(tick);
    tick = next(tick, nextAt);
  }
  return { runs, nextAt: tick };
}
