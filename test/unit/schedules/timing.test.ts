import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { InvalidScheduleError } from '../../../src/tasks/schedules/schedule-errors.js';
import { checkedTiming, ticksOf, type TimingInput } from '../../../src/tasks/schedules/timing.js';

/** The first `count` ticks after a moment, in UTC without the seconds. */
function ticks(input: TimingInput, after: string, count: number): string[] {
  const next = ticksOf(checkedTiming(input, 'UTC'));
  const found: string[] = [];
  for (let tick = new Date(after); found.length < count;) {
    tick = next(tick);
    found.push(tick.toISOString().replace(/:00\.000Z$/, ''));
  }
  return found;
}

describe('a cron', () => {
  it('of five fields is due at the minute', () => {
    expect(ticks({ cron: '30 3 * * *' }, '2026-11-21T03:30:00Z', 2)).toEqual([
      '2026-11-22T03:30',
      '2026-11-23T03:30',
    ]);
  });

  it('of six fields begins with the seconds', () => {
    const [tick] = ticks({ cron: '15 30 3 * * *' }, '2026-11-21T03:30:15Z', 1);
    expect(tick).toBe('2026-11-22T03:30:15.000Z');
  });

  it('may be a nickname', () => {
    expect(ticks({ cron: '@daily' }, '2026-11-21T03:30:00Z', 1)).toEqual(['2026-11-22T00:00']);
  });

  it('is due after a time between two seconds', () => {
    const [tick] = ticks({ cron: '* * * * * *' }, '2026-11-21T03:30:14.001Z', 1);
    expect(tick).toBe('2026-11-21T03:30:15.000Z');
  });

  it('follows its time zone, or else the default one', () => {
    const berlin = { cron: '0 9 * * *', timeZone: 'Europe/Berlin' };
    expect(ticks(berlin, '2026-07-01T00:00:00Z', 1)).toEqual(['2026-07-01T07:00']);
    const tokyo = checkedTiming({ cron: '0 9 * * *' }, 'Asia/Tokyo');
    const tick = ticksOf(tokyo)(new Date('2026-07-01T01:00:00Z'));
    expect(tick.toISOString()).toBe('2026-07-02T00:00:00.000Z');
  });
});

/** Berlin: 2026-03-29 02:00 becomes 03:00 (01:00 UTC); 2026-10-25 03:00 becomes 02:00 (01:00 UTC). */
describe('when clocks change in Berlin', () => {
  const timeZone = 'Europe/Berlin';
  const cases: [string, string, string, string[]][] = [
    [
      'a time of day that is left out runs when the clock has jumped',
      '30 2 * * *',
      '2026-03-28T00:00:00Z',
      ['2026-03-28T01:30', '2026-03-29T01:00', '2026-03-30T00:30'],
    ],
    [
      'a time of day that comes twice runs once',
      '30 2 * * *',
      '2026-10-24T00:00:00Z',
      ['2026-10-24T00:30', '2026-10-25T00:30', '2026-10-26T01:30'],
    ],
    [
      'so does a list of them',
      '30 2,14 * * *',
      '2026-10-24T20:00:00Z',
      ['2026-10-25T00:30', '2026-10-25T13:30', '2026-10-26T01:30'],
    ],
    [
      'every half hour stays every half hour in autumn',
      '*/30 * * * *',
      '2026-10-25T00:00:00Z',
      ['2026-10-25T00:30', '2026-10-25T01:00', '2026-10-25T01:30', '2026-10-25T02:00'],
    ],
    [
      'and in spring',
      '*/30 * * * *',
      '2026-03-29T00:00:00Z',
      ['2026-03-29T00:30', '2026-03-29T01:00', '2026-03-29T01:30', '2026-03-29T02:00'],
    ],
    [
      'noon is noon on both sides',
      '0 12 * * *',
      '2026-03-28T00:00:00Z',
      ['2026-03-28T11:00', '2026-03-29T10:00'],
    ],
  ];
  for (const [what, cron, after, expected] of cases) {
    it(what, () => {
      expect(ticks({ cron, timeZone }, after, expected.length)).toEqual(expected);
    });
  }
});

describe('an interval', () => {
  const next = ticksOf(checkedTiming({ everyMs: 60_000 }, 'UTC'));
  const anchor = new Date('2026-11-21T00:00:30.250Z');

  it('is due after one period', () => {
    expect(next(anchor).toISOString()).toBe('2026-11-21T00:01:30.250Z');
  });

  it('never drifts: ticks are whole periods from the anchor, however late they are computed', () => {
    for (const late of ['00:05:30.250Z', '00:05:59.999Z', '00:06:30.249Z']) {
      const tick = next(new Date(`2026-11-21T${late}`), anchor);
      expect(tick.toISOString()).toBe('2026-11-21T00:06:30.250Z');
    }
  });
});

describe('a timing is refused with a message for', () => {
  const cases: [string, unknown, RegExp][] = [
    ['neither of the two', {}, /either cron or everyMs/],
    ['both', { cron: '* * * * *', everyMs: 1_000 }, /either cron or everyMs/],
    ['four fields', { cron: '* * * *' }, /must have five or six fields/],
    ['seven fields', { cron: '* * * * * * *' }, /must have five or six fields/],
    ['a date', { cron: '2027-01-01T00:00:00' }, /must have five or six fields/],
    ['nothing at all', { cron: '' }, /must have five or six fields/],
    ['an hour that there is not', { cron: '0 25 * * *' }, /cannot be read: .*hour/],
    ['words', { cron: 'at half past three o’clock' }, /cannot be read/],
    ['an unknown nickname', { cron: '@sometimes' }, /cannot be read/],
    ['a day that there is not', { cron: '0 0 31 2 *' }, /never due/],
    ['an unknown zone', { cron: '* * * * *', timeZone: 'Mars/Olympus' }, /not a time zone/],
    ['an empty zone', { cron: '* * * * *', timeZone: '' }, /not a time zone/],
    ['an offset as a zone', { cron: '* * * * *', timeZone: '+02:00' }, /not a time zone/],
    ['less than a second', { everyMs: 999 }, /everyMs is 999; it must be a whole number from 1000/],
    ['more than a year', { everyMs: 4e10 }, /everyMs is 40000000000/],
    ['half a millisecond', { everyMs: 1000.5 }, /everyMs is 1000.5/],
    ['no number', { everyMs: Number.NaN }, /everyMs is NaN/],
    ['an interval with a zone', { everyMs: 1_000, timeZone: 'UTC' }, /leave timeZone out/],
  ];
  for (const [what, input, message] of cases) {
    it(what, () => {
      assert.throws(
        () => checkedTiming(input as TimingInput, 'UTC'),
        (error) => error instanceof InvalidScheduleError && message.test(error.message),
      );
    });
  }
});
