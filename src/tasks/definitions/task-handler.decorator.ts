import { SetMetadata } from '@nestjs/common';
import type { Completion, TaskContext } from './task-context.js';
import type { Payload, ResultInput, TaskDefinition } from './task-definition.js';

export const HANDLES_TASK = Symbol('HANDLES_TASK');

/** A method that runs one kind of task. It may run twice for a task, but only one run can write its end. */
export type TaskHandler<D extends TaskDefinition = TaskDefinition> = (
  payload: Payload<D>,
  context: TaskContext,
) => Promise<ResultInput<D> | Completion<ResultInput<D>>>;

/**
 * Marks the one method that runs `definition`. Put it on a provider of the worker; the registry finds it
 * when the worker starts. The compiler checks the method's parameters and result against the definition.
 */
export function HandlesTask<D extends TaskDefinition>(definition: D) {
  return <M extends TaskHandler<D>>(
    target: object,
    key: string,
    descriptor: TypedPropertyDescriptor<M>,
  ): void => {
    SetMetadata(HANDLES_TASK, definition)(target, key, descriptor);
  };
}
