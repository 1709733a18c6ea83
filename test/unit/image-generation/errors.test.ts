import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import {
  EngineError,
  taskErrorOf,
  type EngineErrorKind,
} from '../../../src/features/image-generation/engines/engine-errors.js';
import { failureOf, TaskError } from '../../../src/tasks/definitions/task-errors.js';

const kinds: Exclude<EngineErrorKind, 'aborted'>[] = [
  'invalid_request',
  'out_of_memory',
  'unavailable',
  'failed',
  'misconfigured',
  'bad_result',
  'mismatch',
  'timeout',
  'unknown_outcome',
];

describe('an error of an engine', () => {
  for (const kind of kinds) {
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
