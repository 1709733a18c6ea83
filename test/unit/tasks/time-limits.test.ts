import { getEventListeners } from 'node:events';
import assert from 'node:assert/strict';
import { expect, it, jest } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import type { PausableLimits } from '../../../src/tasks/definitions/task-context.js';
import {
  HardTimeLimitExceeded,
  SoftTimeLimitExceeded,
  TaskRevoked,
} from '../../../src/tasks/definitions/task-errors.js';
import { AttemptAbort } from '../../../src/tasks/running/attempt-abort.js';
import { withinLimits } from '../../../src/tasks/running/time-limits.js';

it('a limit longer than a timer can wait never ends the task', async () => {
  const limits = { softTimeLimitMs: 2 ** 31, hardTimeLimitMs: Infinity };
  const abort = new AttemptAbort();
  // Node lets a timer that is too long fire after one millisecond.
  const work = () => new Promise((resolve) => setTimeout(resolve, 20, 'done'));
  expect(await withinLimits(limits, abort, work)).toBe('done');
  expect(abort.signal.aborted).toBe(false);
});

it('a handler that throws at once and is then revoked leaves no unhandled rejection', async () => {
  const limits = { softTimeLimitMs: 1_000, hardTimeLimitMs: 2_000 };
  const abort = new AttemptAbort();
  const work = () => {
    throw new Error('at once');
  };
  await expect(withinLimits(limits, abort, work)).rejects.toMatchObject({ message: 'at once' });
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  abort.abort(new TaskRevoked({ terminate: false, signal: 'SIGTERM', graceMs: 0 }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('unhandledRejection', note);
  expect(unhandled).toEqual([]);
});

it('a run leaves no listener on the signal', async () => {
  const abort = new AttemptAbort();
  const limits = { softTimeLimitMs: 60_000, hardTimeLimitMs: 60_000 };
  expect(await withinLimits(limits, abort, async () => 5)).toBe(5);
  expect(getEventListeners(abort.signal, 'abort').length).toBe(0);
  expect(getEventListeners(abort.stopped, 'abort').length).toBe(0);
});

it('a handler that runs on after its soft limit is ended by a revocation, not at the hard limit', async () => {
  const abort = new AttemptAbort();
  const limits = { softTimeLimitMs: 1, hardTimeLimitMs: 600_000 };
  const running = withinLimits(limits, abort, () => new Promise(() => {}));
  await new Promise((resolve) => abort.signal.addEventListener('abort', resolve));
  const revoked = new TaskRevoked({ terminate: false, signal: 'SIGTERM', graceMs: 0 });
  abort.abort(revoked);
  await expect(running).rejects.toMatchObject(revoked);
  assert.ok(abort.signal.reason instanceof SoftTimeLimitExceeded);
});

it('paused limits do not count, and start again when they are restarted', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'performance', 'nextTick', 'queueMicrotask'] });
  atTestEnd(() => jest.useRealTimers());
  const abort = new AttemptAbort();
  const changes: string[] = [];
  let control: PausableLimits | undefined;
  const running = withinLimits(
    { softTimeLimitMs: 50, hardTimeLimitMs: 100 },
    abort,
    (limits) => {
      control = limits;
      return new Promise(() => {});
    },
    (change) => changes.push(change),
  );
  const over = expect(running).rejects.toThrow(HardTimeLimitExceeded);
  await Promise.resolve();
  jest.advanceTimersByTime(49);
  control!.pause();
  jest.advanceTimersByTime(60_000);
  control!.restart();
  jest.advanceTimersByTime(49);
  expect(abort.signal.aborted).toBe(false);
  jest.advanceTimersByTime(1);
  assert.ok(abort.signal.reason instanceof SoftTimeLimitExceeded);
  control!.pause();
  control!.restart();
  jest.advanceTimersByTime(50);
  await over;
  control!.restart();
  expect(changes).toEqual(['paused', 'restarted']);
});
