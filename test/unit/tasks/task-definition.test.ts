import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { parseQueueNames } from '../../../src/tasks/queues.js';
import { defaultRetry, defineTask, retryDelayMs } from '../../../src/tasks/task-definition.js';

const shapes = { queue: 'low_priority', payload: z.null(), result: z.null() } as const;

describe('defineTask', () => {
  it('fills in the original’s limits and retries', () => {
    const task = defineTask({ name: 'plain', ...shapes });
    assert.equal(task.softTimeLimitMs, 540_000);
    assert.equal(task.hardTimeLimitMs, 600_000);
    assert.deepEqual(task.retry, { ...defaultRetry, max: 3, delayMs: 60_000, backoff: 'fixed' });
    assert.equal(task.priority, 5);
  });

  it('keeps what is given, a part of the retry policy alone too', () => {
    const task = defineTask({ name: 'own', ...shapes, retry: { max: 7 }, priority: 0 });
    assert.deepEqual(task.retry, { ...defaultRetry, max: 7 });
    assert.equal(task.priority, 0);
  });

  it('refuses a name twice', () => {
    defineTask({ name: 'twice', ...shapes });
    assert.throws(() => defineTask({ name: 'twice', ...shapes }), /Two tasks are named "twice"/);
  });

  it('refuses a soft limit above the hard one', () => {
    const limits = { softTimeLimitMs: 2, hardTimeLimitMs: 1 };
    assert.throws(() => defineTask({ name: 'limits', ...shapes, ...limits }), /soft time limit/);
  });
});

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
    it(what, () => assert.equal(actual, expected));
  }
});

describe('parseQueueNames', () => {
  it('takes one, several in any order, or all', () => {
    assert.deepEqual(parseQueueNames('low_priority'), ['low_priority']);
    assert.deepEqual(parseQueueNames('low_priority, high_priority'), [
      'high_priority',
      'low_priority',
    ]);
    assert.deepEqual(parseQueueNames('all'), ['high_priority', 'normal_priority', 'low_priority']);
  });

  for (const list of ['', 'urgent', 'high_priority,', 'all,low_priority', 'HIGH_PRIORITY']) {
    it(`refuses "${list}" with the list of known ones`, () => {
      assert.throws(
        () => parseQueueNames(list),
        /Known queues: high_priority, normal_priority, low_priority; or all/,
      );
    });
  }
});
