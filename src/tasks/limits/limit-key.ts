import { isStorable } from '../../common/storable-text.js';
import type { TaskDefinition } from '../definitions/task-definition.js';
import { InvalidPayloadError } from '../definitions/task-payload.js';

const maxKeyLength = 200;

/**
 * The key by which a limit counts a payload. Without a `key` function all tasks of the definition share one.
 *
 * @throws InvalidPayloadError when the key is too long or cannot be stored
 */
export function limitKey(
  definition: TaskDefinition,
  limit: { key?(payload: unknown): string },
  payload: unknown,
): string {
  const key = limit.key?.(payload) ?? '';
  if (!isStorable(key)) {
    throw new InvalidPayloadError(
      `A key of task "${definition.name}" holds a NUL or a broken character.`,
    );
  }
  if (key.length <= maxKeyLength) return key;
  throw new InvalidPayloadError(
    `A key of task "${definition.name}" has ${key.length} characters; at most ${maxKeyLength} fit.`,
  );
}
