import { describe, expect, it } from '@jest/globals';
import { WorkerNameError, workerNameOf } from '../../../src/tasks/process/worker-process.js';

describe('the name of a worker', () => {
  it('knows the placeholders of Celery', () => {
    expect(workerNameOf('gpu@%h', 'box.lan.example')).toBe('gpu@box.lan.example');
    expect(workerNameOf('%n-%d', 'box.lan.example')).toBe('box-lan.example');
    expect(workerNameOf('100%%@%n', 'box')).toBe('100%@box');
  });

  for (const wrong of ['%x', 'gpu@%', '', ' ', '%d', 'x'.repeat(201)]) {
    it(`refuses "${wrong.slice(0, 10)}"`, () => {
      expect(() => workerNameOf(wrong, 'box')).toThrow(WorkerNameError);
    });
  }
});
