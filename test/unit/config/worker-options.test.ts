import { describe, expect, it } from '@jest/globals';
import { parseWorkerOptions, type TypedWorkerOptions } from '../../../src/worker-options.js';

describe('the options of a worker', () => {
  it('leave the rest to the environment', () => {
    expect(parseWorkerOptions({ queues: 'low_priority' })).toEqual({
      queues: ['low_priority'],
      name: undefined,
      pool: undefined,
      concurrency: undefined,
      maxTasksPerChild: undefined,
      maxMemoryPerChildMb: undefined,
    });
    expect(parseWorkerOptions({}).queues.length).toBe(3);
  });

  it('are read', () => {
    const options = parseWorkerOptions({
      pool: 'processes',
      concurrency: '4',
      'max-tasks-per-child': '0',
      'max-memory-per-child': '512',
    });
    expect(options.pool).toBe('processes');
    expect([options.concurrency, options.maxTasksPerChild, options.maxMemoryPerChildMb]).toEqual([
      4, 0, 512,
    ]);
  });

  const wrong: [TypedWorkerOptions, RegExp][] = [
    [{ pool: 'threads' }, /^--pool threads is wrong: .*"inline"\|"processes"\.$/],
    [{ concurrency: '0' }, /^--concurrency 0 is wrong: is not between 1 and 1000\.$/],
    [{ 'max-tasks-per-child': 'x' }, /^--max-tasks-per-child x is wrong: is not a whole number\.$/],
    [{ 'max-memory-per-child': '1.5' }, /^--max-memory-per-child 1\.5 is wrong: /],
    [{ queues: 'urgent' }, /^Unknown queue "urgent"/],
  ];
  for (const [typed, message] of wrong) {
    it(`refuse ${JSON.stringify(typed)}`, () => {
      expect(() => parseWorkerOptions(typed)).toThrow(
        expect.objectContaining({ message: expect.stringMatching(message) }),
      );
    });
  }
});
