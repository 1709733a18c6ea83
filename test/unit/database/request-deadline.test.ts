import { expect, it, jest } from '@jest/globals';
import { UnavailableError } from '../../../src/common/app-error.js';
import { pause } from '../../../src/common/deadline.js';
import {
  forRequest,
  inRequestTime,
  unhurried,
} from '../../../src/infrastructure/database/request-deadline.js';

const never = () => new Promise<never>(() => {});

function inRequest<T>(patienceMs: number, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    forRequest(patienceMs, () => void work().then(resolve, reject));
  });
}

/** A clock that stands still but for what is told to take time. */
function stopClock() {
  let now = 0;
  jest.spyOn(performance, 'now').mockImplementation(() => now);
  return (ms: number) => void (now += ms);
}

it('a statement that does not end in time is given up', async () => {
  await inRequest(50, async () => {
    await expect(inRequestTime(never)).rejects.toThrow(UnavailableError);
  });
});

it('the times of two statements add up, and none begins when the time is spent', async () => {
  const pass = stopClock();
  await inRequest(200, async () => {
    for (const ms of [150, 50]) await inRequestTime(async () => pass(ms));
    let begun = false;
    const late = inRequestTime(async () => (begun = true));
    await expect(late).rejects.toThrow(UnavailableError);
    expect(begun).toBe(false);
  });
});

it('a request that waits for something else does not use up its database time', async () => {
  const pass = stopClock();
  await inRequest(200, async () => {
    for (let look = 0; look < 9; look++) {
      await inRequestTime(async () => pass(150));
      pass(150);
    }
  });
});

it('work has no deadline outside a request, or when a request only starts it', async () => {
  await inRequestTime(() => pause(20));
  await inRequest(10, async () => {
    await unhurried(() => inRequestTime(() => pause(50)));
  });
});
