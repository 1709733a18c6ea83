import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WorkerNameError, workerNameOf } from '../../../src/tasks/workers/worker-process.js';

describe('the name of a worker', () => {
  it('knows the placeholders of Celery', () => {
    assert.equal(workerNameOf('gpu@%h', 'box.lan.example'), 'gpu@box.lan.example');
    assert.equal(workerNameOf('%n-%d', 'box.lan.example'), 'box-lan.example');
    assert.equal(workerNameOf('100%%@%n', 'box'), '100%@box');
  });

  for (const wrong of ['%x', 'gpu@%', '', ' ', '%d', 'x'.repeat(201)]) {
    it(`refuses "${wrong.slice(0, 10)}"`, () => {
      assert.throws(() => workerNameOf(wrong, 'box'), WorkerNameError);
    });
  }
});
