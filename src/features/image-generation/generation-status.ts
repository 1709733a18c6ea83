import type { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { taskStatusOf } from '../task-status/task-status.dto.js';
import type { GenerationStatus } from './image-generation.dto.js';
import type { GenerationPayload } from './image-generation.tasks.js';

/** A generation as its user sees it. */
export function generationStatusOf(task: TaskEntity): GenerationStatus {
  const { metadata } = task.payload as GenerationPayload;
  return {
    ...taskStatusOf(task),
    result: task.result as GenerationStatus['result'],
    metadata: metadata ?? null,
  };
}
