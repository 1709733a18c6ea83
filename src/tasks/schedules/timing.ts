import { Cron } from 'croner';
import { messageOf } from '../../common/message-of.js';
import { isTimeZone } from '../../common/time-zone.js';
import { InvalidScheduleError } from './schedule-errors.js';

/** When a schedule is due, as its author writes it. */
export type TimingInput = CronInput | IntervalInput;

export interface CronInput {
  /** Five fields, or six with seconds first; or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. */
  cron: string;
  /** IANA name. Default: TZ_SCHEDULE. */
  timeZone?: string;
  everyMs?: never;
}

export interface IntervalInput {
  /** Whole milliseconds, from a second to a year. */
  everyMs: number;
  cron?: never;
  timeZone?: never;
}

/** When a schedule is due, with all defaults filled in. */
export type Timing =
  | { cron: string; timeZone: string; everyMs: null }
  | { cron: null; timeZone: null; everyMs: number };

const minEveryMs = 1_000;
const maxEveryMs = 366 * 86_400_000;

/**
 * Checks a timing and fills in its time zone.
 *
 * @throws InvalidScheduleError when it is malformed or can never be due
 */
export function checkedTiming(input: TimingInput, defaultZone: string): Timing {
  if ((input.cron === undefined) === (input.everyMs === undefined)) {
    throw new InvalidScheduleError('A schedule needs either cron or everyMs, and not both.');
  }
  if (input.cron === undefined) return checkedInterval(input);
  const { cron, timeZone = defaultZone } = input;
  if (!isTimeZone(timeZone)) {
    throw new InvalidScheduleError(
      `"${timeZone}" is not a time zone. Use a name from the IANA list, for example Europe/Berlin.`,
    );
  }
  // Croner also accepts a single date, which never comes again.
  if (!/^@\w+$|^\S+(\s+\S+){4,5}$/.test(cron)) {
    throw new InvalidScheduleError(
      `Cron "${cron}" must have five or six fields. Example: 30 3 * * * (daily at 03:30).`,
    );
  }
  const timing = { cron, timeZone, everyMs: null };
  ticksOf(timing)(new Date());
  return timing;
}

function checkedInterval({ everyMs, timeZone }: IntervalInput): Timing {
  if (!Number.isInteger(everyMs) || everyMs < minEveryMs || everyMs > maxEveryMs) {
    throw new InvalidScheduleError(
      `everyMs is ${everyMs}; it must be a whole number from ${minEveryMs} (a second) to ${maxEveryMs} (a year).`,
    );
  }
  if (timeZone !== undefined) {
    throw new InvalidScheduleError('An interval has no time zone; leave timeZone out.');
  }
  return { cron: null, timeZone: null, everyMs };
}

/**
 * Returns a function that finds the first tick after a given time. Ticks of an interval are whole periods
 * from `anchor` (default: the given time), so they do not drift.
 *
 * When clocks change, a cron with fixed times of day (`30 2 * * *`, `0 2,14 * * *`) still runs once for
 * each: a time that is skipped runs right after the jump, a time that occurs twice runs the first time.
 * A cron with a wildcard or step (`0 * * * *`) follows the real time.
 *
 * @throws InvalidScheduleError when the cron is malformed; the function also throws it when there is no
 *   next tick
 */
export function ticksOf(timing: Timing): (after: Date, anchor?: Date) => Date {
  if (timing.cron === null) {
    const { everyMs } = timing;
    return (after, anchor = after) => {
      const periods = Math.floor((after.getTime() - anchor.getTime()) / everyMs) + 1;
      return new Date(anchor.getTime() + periods * everyMs);
    };
  }
  const cron = readCron(timing.cron, timing.timeZone);
  return (after) => {
    const next = cron.nextRun(after);
    if (next) return next;
    throw new InvalidScheduleError(`Cron "${timing.cron}" is never due: there is no such date.`);
  };
}

function readCron(cron: string, timezone: string): Cron {
  try {
    return new Cron(cron, {
      timezone,
      mode: '5-or-6-parts',
      fixedTimeRule: 'no-wildcard',
      paused: true,
    });
  } catch (error) {
    const problem = messageOf(error).replace(/^Cron\w*: /, '');
    throw new InvalidScheduleError(`Cron "${cron}" cannot be read: ${problem}`, { cause: error });
  }
}
