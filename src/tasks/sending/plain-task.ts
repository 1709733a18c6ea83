import { checkOptions, decidedOptions, type SentOptions } from '../definitions/sent-options.js';
import type { TaskDefinition } from '../definitions/task-definition.js';
import { OwnerMissingError, checkedPayload } from '../definitions/task-payload.js';
import type { NewTask } from '../ledger/task-inserts.js';
import type { Sent } from './task-store.js';

/**
 * Makes the row of a task that belongs to no canvas.
 *
 * @throws InvalidPayloadError, OwnerMissingError, RangeError
 */
export function plainTask(
  definition: TaskDefinition,
  payload: unknown,
  options: SentOptions,
  sent: Sent,
): NewTask {
  checkOptions(options);
  if (definition.needsOwner && sent.ownerId === null) throw new OwnerMissingError(definition.name);
  return {
    ...sent,
    ...decidedOptions(definition, options),
    kind: 'task',
    name: definition.name,
    payload: checkedPayload(definition, payload),
    canvasId: null,
    parentId: null,
    position: null,
    blocked: false,
    openChildren: null,
    inputKey: null,
    links: null,
  };
}
