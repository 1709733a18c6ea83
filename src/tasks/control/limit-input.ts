import { AppError } from '../../common/app-error.js';
import type { ChangedTimes, Rate } from '../limits/task-limits.js';

/** The limit is invalid; nothing was stored. */
export class InvalidLimitError extends AppError {
  constructor(message: string) {
    super(422, 'invalid_limit', message);
  }
}

const unitsMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Parses a rate as Celery writes it: `10/m`, `1/s`, `100/h`; a bare `10` is per second.
 *
 * @returns null for `0` and `none`: the definition's own rate applies
 * @throws InvalidLimitError
 */
export function parseRate(text: string): Rate | null {
  if (text === '0' || text === 'none') return null;
  const [, count, unit = 's'] = /^(\d{1,9})(?:\/([smh]))?$/.exec(text.trim()) ?? [];
  if (count === undefined || Number(count) === 0) {
    throw new InvalidLimitError(
      `"${text}" is not a rate. Write 10/s, 10/m or 10/h; 0 or none for the definition's own.`,
    );
  }
  return { limit: Number(count), perMs: unitsMs[unit]! };
}

/** Checks time limits, in milliseconds. @throws InvalidLimitError */
export function checkTimes({ softMs, hardMs }: ChangedTimes): void {
  for (const ms of [softMs, hardMs]) {
    // Node's timers go up to 2³¹ ms; a longer one fires at once.
    if (ms !== null && !(ms > 0 && ms < 2 ** 31)) {
      throw new InvalidLimitError(
        `A time limit is ${ms} ms; it must be above 0 and below ${2 ** 31} ms.`,
      );
    }
  }
  if (softMs !== null && hardMs !== null && softMs > hardMs) {
    throw new InvalidLimitError('The soft time limit is above the hard one.');
  }
}
