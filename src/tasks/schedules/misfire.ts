import { ticksOf, type Timing } from './timing.js';

/**
 * What becomes of ticks at which no worker was there to send them.
 * `skip`: nothing; `one`: one run for all of them; `all`: one run each.
 */
export const MISFIRE_POLICIES = ['skip', 'one', 'all'] as const;
export type MisfirePolicy = (typeof MISFIRE_POLICIES)[number];

/** A tick that is sent later than this was missed. Above the ticker's longest nap. Milliseconds. */
export const toleranceMs = 15_000;
/** Runs sent in one transaction; what is left over follows in the next. */
export const maxRunsAtOnce = 100;

export interface TickPlan {
  /** Due times to run now, oldest first. */
  runs: Date[];
  nextAt: Date;
}

/**
 * What to do with a schedule that is due at `nextAt`, at the moment `now`. The one run of `one`
 * carries the due time of the oldest missed tick.
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
