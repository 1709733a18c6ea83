import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { parseQueueNames } from '../../../src/tasks/definitions/queues.js';
import { defaultRetry } from '../../../src/tasks/definitions/retry-policy.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';

const shapes = { queue: 'low_priority', payload: z.null(), result: z.null() } as const;

describe('defineTask', () => {
  it('fills in the original’s limits and retries', () => {
    const task = defineTask({ name: 'plain', ...shapes });
    expect(task.softTimeLimitMs).toBe(540_000);
    expect(task.hardTimeLimitMs).toBe(600_000);
    expect(task.retry).toEqual({ ...defaultRetry, max: 3, delayMs: 60_000, backoff: 'fixed' });
    expect(task.priority).toBe(5);
  });

  it('keeps the given options, even a part of the retry policy', () => {
    const task = defineTask({ name: 'own', ...shapes, retry: { max: 7 }, priority: 0 });
    expect(task.retry).toEqual({ ...defaultRetry, max: 7 });
    expect(task.priority).toBe(0);
  });

  it('refuses the same name twice', () => {
    defineTask({ name: 'twice', ...shapes });
    expect(() => defineTask({ name: 'twice', ...shapes })).toThrow(/Two tasks are named "twice"/);
  });

  it('refuses a soft limit above the hard one', () => {
    const limits = { softTimeLimitMs: 2, hardTimeLimitMs: 1 };
    expect(() => defineTask({ name: 'limits', ...shapes, ...limits })).toThrow(/soft time limit/);
  });
});

describe('parseQueueNames', () => {
  it('accepts one queue, several in any order, or all', () => {
    expect(parseQueueNames('low_priority')).toEqual(['low_priority']);
    expect(parseQueueNames('low_priority, high_priority')).toEqual([
      'high_priority',
      'low_priority',
    ]);
    expect(parseQueueNames('all')).toEqual(['high_priority', 'normal_priority', 'low_priority']);
  });

  for (const list of ['', 'urgent', 'high_priority,', 'all,low_priority', 'HIGH_PRIORITY']) {
    it(`refuses "${list}" with the list of known ones`, () => {
      expect(() => parseQueueNames(list)).toThrow(
        /Known queues: high_priority, normal_priority, low_priority; or all/,
      );
    });
  }
});
