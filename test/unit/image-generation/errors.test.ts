import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import {
  EngineError,
  taskErrorOf,
  type EngineErrorKind,
} from '../../../src/features/image-generation/engines/engine-errors.js';
import { failureOf, Snooze, TaskError } from '../../../src/tasks/definitions/task-errors.js';

const outcomes: Record<Exclude<EngineErrorKind, 'aborted'>, 'permanent' | 'retry' | 'wait'> = {
  invalid_request: 'permanent',
  mismatch: 'permanent',
  unavailable: 'wait',
  failed: 'retry',
  out_of_memory: 'retry',
  misconfigured: 'retry',
  bad_result: 'retry',
  timeout: 'retry',
  unknown_outcome: 'retry',
};

describe('an error of an engine', () => {
  for (const [kind, outcome] of Object.entries(outcomes) as [EngineErrorKind, string][]) {
    it(`${kind}: ${outcome}`, () => {
      const told = taskErrorOf(new EngineError(kind, 'x', { retryAfterSeconds: 7 }), 60_000);
      assert.ok(told instanceof TaskError);
      expect(told.retryable).toBe(outcome !== 'permanent');
      // Only a snooze costs no retry. It takes the engine's word for how long, and knows when it is too long.
      const waits = told instanceof Snooze ? [told.delayMs, told.patienceMs] : undefined;
      expect(waits).toEqual(outcome === 'wait' ? [7_000, 60_000] : undefined);
    });

    it(`${kind} is reported without the engine's address, which its cause keeps`, () => {
      const error = new EngineError(kind, 'http://10.0.0.9:7860 is in flames.', { shown: 'steps' });
      const told = taskErrorOf(error, 1_000);
      assert.ok(told instanceof TaskError);
      expect(told.cause).toBe(error);
      const { code, message } = failureOf(told);
      expect(code).toMatch(/^engine_/);
      expect(message).toMatch(/^[A-Z][\w ]+: steps\.$/);
    });
  }

  it('is not made of other errors, or of calls that we stopped ourselves', () => {
    const ours = new EngineError('aborted', 'stopped');
    for (const error of [ours, new Error('x')]) expect(taskErrorOf(error, 1)).toBe(error);
  });
});
