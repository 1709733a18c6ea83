import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LeaseLost, TaskRevoked, WorkerStopping } from '../../../src/tasks/task-errors.js';
import {
  packReason,
  terminationOf,
  unpackReason,
} from '../../../src/tasks/workers/abort-reasons.js';
import { wornOut } from '../../../src/tasks/workers/worn-out.js';

describe('reasons on their way to a child', () => {
  for (const Kind of [LeaseLost, WorkerStopping]) {
    it(`${Kind.name} is itself again`, () => {
      const again = unpackReason(structuredClone(packReason(new Kind('why'))));
      assert.ok(again instanceof Kind);
      assert.equal(again.message, 'why');
    });
  }

  it('an unknown one keeps its name, message and fields', () => {
    const reason = Object.assign(new Error('why'), { name: 'Other', count: 3 });
    const packed = structuredClone(packReason(reason));
    const again = packReason(unpackReason(packed));
    assert.deepEqual(again, { name: 'Other', message: 'why', count: 3 });
  });

  it('a handler has time to notice its signal, unless its reason says otherwise', () => {
    assert.deepEqual(terminationOf(new WorkerStopping()), { signal: 'SIGKILL', afterMs: 3_000 });
    const revoked = { terminate: false, signal: 'SIGUSR1', graceMs: 10 } as const;
    const terminate = terminationOf(new TaskRevoked({ ...revoked, terminate: true }));
    assert.deepEqual(terminate, { signal: 'SIGUSR1', afterMs: 10 });
    assert.deepEqual(terminationOf(new TaskRevoked(revoked)), {
      signal: 'SIGKILL',
      afterMs: 1_010,
    });
  });
});

describe('a child is worn out', () => {
  const none = { maxTasks: undefined, maxMemoryMb: undefined };
  const megabyte = 2 ** 20;

  it('after 50 tasks, when nobody says another number', () => {
    assert.equal(wornOut({ tasks: 49, rss: null }, none), undefined);
    assert.equal(wornOut({ tasks: 50, rss: null }, none), 'it ran 50 tasks');
  });

  it('never, with 0 and no limit of memory', () => {
    const child = { tasks: 1e6, rss: 1e12 };
    assert.equal(wornOut(child, { ...none, maxTasks: 0 }), undefined);
  });

  it('above its megabytes', () => {
    const limits = { maxTasks: 0, maxMemoryMb: 100 };
    assert.equal(wornOut({ tasks: 1, rss: 100 * megabyte }, limits), undefined);
    assert.equal(wornOut({ tasks: 1, rss: 101 * megabyte }, limits), 'it holds 101 MB');
  });
});
