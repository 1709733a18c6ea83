import { getEventListeners } from 'node:events';
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { TaskRevoked } from '../../../src/tasks/task-errors.js';
import { withinLimits } from '../../../src/tasks/workers/task-run.js';

it('a limit above what a timer can wait for is none', async () => {
  const limits = { softTimeLimitMs: 2 ** 31, hardTimeLimitMs: Infinity };
  const abort = new AbortController();
  // Node lets a timer that is too long fire after one millisecond.
  const work = () => new Promise((resolve) => setTimeout(resolve, 20, 'done'));
  assert.equal(await withinLimits(limits, abort, work), 'done');
  assert.equal(abort.signal.aborted, false);
});

it('a handler that throws at once, and is revoked then, leaves no unhandled rejection', async () => {
  const limits = { softTimeLimitMs: 1_000, hardTimeLimitMs: 2_000 };
  const abort = new AbortController();
  const work = () => {
    throw new Error('at once');
  };
  await assert.rejects(withinLimits(limits, abort, work), { message: 'at once' });
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  abort.abort(new TaskRevoked({ terminate: false, signal: 'SIGTERM', graceMs: 0 }));
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off('unhandledRejection', note);
  assert.deepEqual(unhandled, []);
});

it('leaves no listener on the signal', async () => {
  const abort = new AbortController();
  const limits = { softTimeLimitMs: 60_000, hardTimeLimitMs: 60_000 };
  assert.equal(await withinLimits(limits, abort, async () => 5), 5);
  assert.equal(getEventListeners(abort.signal, 'abort').length, 0);
});
