import assert from 'node:assert/strict';
import { expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  definedSchedules,
  defineSchedule,
} from '../../../src/tasks/schedules/schedule-definition.js';
import { InvalidScheduleError } from '../../../src/tasks/schedules/schedule-errors.js';
import { InvalidPayloadError } from '../../../src/tasks/definitions/task-payload.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { unstorable } from '../../support/unstorable-values.js';

const report = defineTask({
  name: 'report',
  queue: 'low_priority',
  payload: z.strictObject({ days: z.int(), title: z.string().default('Report') }),
  result: z.null(),
});
const fine = { name: 'weekly', cron: '0 6 * * 1', payload: { days: 7 } };

const wrong: [string, object, unknown, RegExp][] = [
  ['a cron', { ...fine, cron: '0 6 * *' }, InvalidScheduleError, /five or six fields/],
  ['a time zone', { ...fine, timeZone: 'Berlin' }, InvalidScheduleError, /not a time zone/],
  ['an interval', { ...fine, cron: undefined, everyMs: 5 }, InvalidScheduleError, /everyMs is 5/],
  ['a payload', { ...fine, payload: { days: 'seven' } }, InvalidPayloadError, /task "report"/],
  ['a missing payload', { ...fine, payload: undefined }, InvalidPayloadError, /task "report"/],
  [
    'an empty name',
    { ...fine, name: '' },
    InvalidScheduleError,
    /"" cannot be the name of a schedule/,
  ],
  [
    'a name with a space',
    { ...fine, name: 'a b' },
    InvalidScheduleError,
    /"a b" cannot be the name/,
  ],
  ['a long name', { ...fine, name: 'x'.repeat(101) }, InvalidScheduleError, /at most 100/],
  ['a policy', { ...fine, misfire: 'some' }, InvalidScheduleError, /misfire/],
  ['a queue', { ...fine, queue: 'urgent' }, InvalidScheduleError, /queue/],
  ['a priority', { ...fine, priority: 10 }, InvalidScheduleError, /priority/],
  ['an expiry', { ...fine, expiresInMs: 0 }, InvalidScheduleError, /expiresInMs/],
  ['a late expiry', { ...fine, expiresInMs: 1e16 }, InvalidScheduleError, /expiresInMs/],
];
for (const [what, make] of unstorable) {
  const payload = { days: 7, title: make() };
  wrong.push([
    `payload, which has ${what}`,
    { ...fine, payload },
    InvalidPayloadError,
    /^Payload of task "report" (holds|is nested)/,
  ]);
}
for (const [what, declaration, type, message] of wrong) {
  it(`declaring a schedule with an invalid ${what} stops the import`, () => {
    assert.throws(
      () => defineSchedule(report, declaration as typeof fine),
      (error: Error) => error instanceof (type as typeof Error) && message.test(error.message),
    );
    expect(definedSchedules()).toEqual([]);
  });
}

it('a task that belongs to a user cannot be scheduled', () => {
  const picture = defineTask({
    name: 'picture_of_a_user',
    queue: 'low_priority',
    payload: z.null(),
    result: z.null(),
    needsOwner: true,
  });
  expect(() =>
    defineSchedule(picture, { name: 'daily', cron: '0 6 * * *', payload: null }),
  ).toThrow(/Schedule "daily": a task "picture_of_a_user" belongs to a user/);
  expect(definedSchedules()).toEqual([]);
});

it('a name cannot be declared twice', () => {
  const weekly = defineSchedule(report, fine);
  expect(definedSchedules()).toEqual([weekly]);
  expect(() => defineSchedule(report, fine)).toThrow(/Two schedules are named "weekly"\. Rename/);
});

it('the payload is checked at compile time', () => {
  // @ts-expect-error days is a number
  const declare = () => defineSchedule(report, { ...fine, payload: { days: 'seven' } });
  expect(declare).toThrow(InvalidPayloadError);
});
