import { isStorable } from '../../common/storable-text.js';
import type { TaskDefinition } from '../task-definition.js';

const maxKeyLength = 200;

/** The key of a payload; without a function the whole definition has one. @throws RangeError */
export function limitKey(
  definition: TaskDefinition,
  limit: { key?(payload: unknown): string },
  payload: unknown,
): string {
  const key = limit.key?.(payload) ?? '';
  if (!isStorable(key)) {
    throw new RangeError(`A key of task "${definition.name}" holds a NUL or a broken character`);
  }
  if (key.length <= maxKeyLength) return key;
  throw new RangeError(
    `A key of task "${definition.name}" has ${key.length} characters; at most ${maxKeyLength} fit`,
  );
}
