import { z } from 'zod';
import { anyJson } from '../../common/any-json.js';
import { taskFailure } from '../../tasks/definitions/task-errors.js';
import { TASK_STATES } from '../../tasks/definitions/task-state.js';
import type { TaskEntity } from '../../tasks/ledger/task.entity.js';

const moment = z.iso.datetime().nullable();

/** Status fields that every task has. */
export const taskStatusFields = {
  task_id: z.uuid(),
  status: z.enum(TASK_STATES),
  attempt: z.int(),
  progress: z.strictObject({
    percent: z.int().min(0).max(100),
    step: z.int().nullable(),
    steps: z.int().nullable(),
    eta_seconds: z.number().nullable(),
    queue_position: z.int().nullable(),
  }),
  error: taskFailure.nullable(),
  created_at: z.iso.datetime(),
  started_at: moment,
  finished_at: moment,
  expires_at: moment,
};

/** The short form of the original API. */
export const shortTaskStatus = z.strictObject({
  task_id: z.uuid(),
  status: z.enum(TASK_STATES),
  result: anyJson.optional(),
  error: taskFailure.optional(),
});
export type ShortTaskStatus = z.output<typeof shortTaskStatus>;

export function taskStatusOf(task: TaskEntity) {
  return {
    task_id: task.id,
    status: task.state,
    attempt: task.attempt,
    progress: {
      percent: task.state === 'SUCCESS' ? 100 : (task.progress?.percent ?? 0),
      step: task.progress?.step ?? null,
      steps: task.progress?.steps ?? null,
      eta_seconds: task.progress?.eta_seconds ?? null,
      queue_position: null,
    },
    error: task.error,
    created_at: task.createdAt.toISOString(),
    started_at: task.startedAt?.toISOString() ?? null,
    finished_at: task.finishedAt?.toISOString() ?? null,
    expires_at: task.expiresAt?.toISOString() ?? null,
  };
}

export function shortTaskStatusOf(task: TaskEntity): ShortTaskStatus {
  return {
    task_id: task.id,
    status: task.state,
    ...(task.state === 'SUCCESS' && { result: task.result as ShortTaskStatus['result'] }),
    ...(task.error !== null && { error: task.error }),
  };
}
