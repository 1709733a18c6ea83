import { describe, expect, it } from '@jest/globals';
import { defaultRetry, retryDelayMs } from '../../../src/tasks/definitions/retry-policy.js';

describe('retryDelayMs', () => {
  const policy = { ...defaultRetry, delayMs: 1_000, maxDelayMs: 10_000 };
  const exponential = { ...policy, backoff: 'exponential' as const };
  const cases: [string, number, number][] = [
    ['fixed, first', retryDelayMs(policy, 1), 1_000],
    ['fixed, tenth', retryDelayMs(policy, 10), 1_000],
    ['exponential, first', retryDelayMs(exponential, 1), 1_000],
    ['exponential, third', retryDelayMs(exponential, 3), 4_000],
    ['exponential, at most', retryDelayMs(exponential, 5), 10_000],
    ['exponential, far beyond', retryDelayMs(exponential, 100_000), 10_000],
    ['jitter at its least', retryDelayMs({ ...policy, jitter: 0.2 }, 1, () => 0), 1_000],
    ['jitter at its most', retryDelayMs({ ...policy, jitter: 0.2 }, 1, () => 1), 800],
  ];
  for (const [what, actual, expected] of cases) {
    it(what, () => expect(actual).toBe(expected));
  }
});
