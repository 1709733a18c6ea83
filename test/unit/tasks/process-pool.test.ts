import { describe, expect, it } from '@jest/globals';
import {
  LeaseLost,
  TaskRevoked,
  WorkerStopping,
} from '../../../src/tasks/definitions/task-errors.js';
import { packReason, terminationOf, unpackReason } from '../../../src/tasks/pools/abort-reasons.js';
import { wornOut } from '../../../src/tasks/pools/worn-out.js';

describe('a reason on its way to a child', () => {
  for (const Kind of [LeaseLost, WorkerStopping]) {
    it(`is a ${Kind.name} again on arrival`, () => {
      const again = unpackReason(structuredClone(packReason(new Kind('why'))));
      expect(again).toBeInstanceOf(Kind);
      expect(again.message).toBe('why');
    });
  }

  it('keeps its name, message and fields if it is unknown', () => {
    const reason = Object.assign(new Error('why'), { name: 'Other', count: 3 });
    const packed = structuredClone(packReason(reason));
    const again = packReason(unpackReason(packed));
    expect(again).toEqual({ name: 'Other', message: 'why', count: 3 });
  });

  it('gives the handler time to notice its signal, unless it says otherwise', () => {
    expect(terminationOf(new WorkerStopping())).toEqual({ signal: 'SIGKILL', afterMs: 3_000 });
    const revoked = { terminate: false, signal: 'SIGUSR1', graceMs: 10 } as const;
    const terminate = terminationOf(new TaskRevoked({ ...revoked, terminate: true }));
    expect(terminate).toEqual({ signal: 'SIGUSR1', afterMs: 10 });
    expect(terminationOf(new TaskRevoked(revoked))).toEqual({
      signal: 'SIGKILL',
      afterMs: 1_010,
    });
  });
});

describe('a child is replaced', () => {
  const none = { maxTasks: undefined, maxMemoryMb: undefined };
  const megabyte = 2 ** 20;

  it('after 50 tasks by default', () => {
    expect(wornOut({ tasks: 49, rss: null }, none)).toBe(undefined);
    expect(wornOut({ tasks: 50, rss: null }, none)).toBe('it ran 50 tasks');
  });

  it('never, with 0 and without a memory limit', () => {
    const child = { tasks: 1e6, rss: 1e12 };
    expect(wornOut(child, { ...none, maxTasks: 0 })).toBe(undefined);
  });

  it('when it exceeds its megabytes', () => {
    const limits = { maxTasks: 0, maxMemoryMb: 100 };
    expect(wornOut({ tasks: 1, rss: 100 * megabyte }, limits)).toBe(undefined);
    expect(wornOut({ tasks: 1, rss: 101 * megabyte }, limits)).toBe('it holds 101 MB');
  });
});
