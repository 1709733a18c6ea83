import { describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { FailedCredentials } from '../../../src/features/auth/failed-credentials.js';

Logger.overrideLogger(false);

function counter() {
  const failures = new FailedCredentials();
  let now = 0;
  failures.now = () => now;
  const waits = (address: string, times: number) =>
    Array.from({ length: times }, () => failures.add(address));
  return { failures, waits, pass: (ms: number) => (now += ms) };
}

describe('failed credentials (security 4)', () => {
  it('are allowed twenty times, then blocked for the rest of the minute', () => {
    const { waits, pass } = counter();
    expect(new Set(waits('a', 20))).toEqual(new Set([0]));
    expect(waits('a', 2)).toEqual([60, 60]);
    pass(30_500);
    expect(waits('a', 1)).toEqual([30]);
    pass(29_500);
    expect(new Set(waits('a', 20))).toEqual(new Set([0]));
  });

  it('are counted by address', () => {
    const { waits } = counter();
    waits('a', 30);
    expect(waits('b', 1)).toEqual([0]);
  });

  it('do not fill the memory when they come from very many addresses', () => {
    const { failures } = counter();
    for (let i = 0; i < 10_100; i++) failures.add(String(i));
    expect(failures.size).toBe(10_000);
  });
});
