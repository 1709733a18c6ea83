import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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

describe('failed credentials', () => {
  it('are free twenty times, then cost the rest of the minute', () => {
    const { waits, pass } = counter();
    assert.deepEqual(new Set(waits('a', 20)), new Set([0]));
    assert.deepEqual(waits('a', 2), [60, 60]);
    pass(30_500);
    assert.deepEqual(waits('a', 1), [30]);
    pass(29_500);
    assert.deepEqual(new Set(waits('a', 20)), new Set([0]));
  });

  it('are counted by address', () => {
    const { waits } = counter();
    waits('a', 30);
    assert.deepEqual(waits('b', 1), [0]);
  });

  it('of very many addresses do not fill the memory', () => {
    const { failures } = counter();
    for (let i = 0; i < 10_100; i++) failures.add(String(i));
    assert.equal(failures.size, 10_000);
  });
});
