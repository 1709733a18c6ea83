import { describe, expect, it } from '@jest/globals';
import type { Plan } from '../../../src/config/variables/credits.js';
import type { Account } from '../../../src/features/credits/credit-accounts.js';
import { admit } from '../../../src/features/credits/admission.js';

const now = new Date('2026-03-01T23:59:30.500Z');
const ago = (ms: number) => new Date(now.getTime() - ms);
const account = (changes: Partial<Account> = {}): Account => ({
  userId: 'u',
  plan: 'standard',
  balance: 10,
  held: 0,
  openTasks: 0,
  minuteStart: ago(10_000),
  minuteRequests: 0,
  day: '2026-03-01',
  dayImages: 0,
  now,
  ...changes,
});
const free: Plan = {
  starting_credits: 0,
  monthly_credits: 0,
  requests_per_minute: null,
  queued: null,
  running: null,
  images_per_day: null,
  picture_retention_days: null,
  priority: 'high',
};
const refusal = (who: Account, plan: Partial<Plan>, demand = { images: 2, price: 4 }) => {
  const error = admit(who, { ...free, ...plan }, demand);
  return error && { code: error.code, ...error.details };
};

describe('admission', () => {
  it('takes the price and counts what is used', () => {
    const who = account();
    expect(refusal(who, {})).toBe(undefined);
    expect(who).toEqual(account({ balance: 6, openTasks: 1, minuteRequests: 1, dayImages: 2 }));
  });

  it('ends with the last credit, and says what there is and what it costs', () => {
    const who = account({ balance: 4 });
    expect(refusal(who, {})).toBe(undefined);
    expect(refusal(who, {})).toEqual({
      code: 'insufficient_credits',
      members: { balance: 0, price: 4 },
    });
    expect(who.balance).toBe(0);
    expect(refusal(account({ balance: 3 }), {})?.members).toEqual({ balance: 3, price: 4 });
  });

  it('changes nothing when it refuses', () => {
    for (const plan of [{}, { queued: 1 }, { requests_per_minute: 1 }, { images_per_day: 1 }]) {
      const used = { balance: 0, openTasks: 1, minuteRequests: 1, dayImages: 1 };
      const who = account(used);
      expect(refusal(who, plan)).toBeTruthy();
      expect(who).toEqual(account(used));
    }
  });

  it('counts the requests of a minute, and says when the next begins', () => {
    const plan = { requests_per_minute: 3 };
    expect(refusal(account({ minuteRequests: 2 }), plan)).toBe(undefined);
    expect(refusal(account({ minuteRequests: 3 }), plan)).toEqual({
      code: 'quota_exceeded',
      retryAfterSeconds: 50,
      members: { limit: 'requests_per_minute' },
    });
    const over = account({ minuteRequests: 3, minuteStart: ago(60_000) });
    expect(refusal(over, plan)).toBe(undefined);
    expect([over.minuteStart, over.minuteRequests]).toEqual([now, 1]);
    const almost = account({ minuteRequests: 3, minuteStart: ago(59_999) });
    expect(refusal(almost, plan)?.retryAfterSeconds).toBe(1);
  });

  it('counts the tasks that are not over', () => {
    expect(refusal(account({ openTasks: 4 }), { queued: 5 })).toBe(undefined);
    expect(refusal(account({ openTasks: 5 }), { queued: 5 })).toEqual({
      code: 'quota_exceeded',
      retryAfterSeconds: 10,
      members: { limit: 'queued' },
    });
  });

  it('counts the images of a day, and says when the next begins', () => {
    const plan = { images_per_day: 5 };
    expect(refusal(account({ dayImages: 3 }), plan)).toBe(undefined);
    expect(refusal(account({ dayImages: 4 }), plan)).toEqual({
      code: 'quota_exceeded',
      retryAfterSeconds: 30,
      members: { limit: 'images_per_day' },
    });
    const yesterday = account({ dayImages: 5, day: '2026-02-28' });
    expect(refusal(yesterday, plan)).toBe(undefined);
    expect([yesterday.day, yesterday.dayImages]).toEqual(['2026-03-01', 2]);
  });
});
