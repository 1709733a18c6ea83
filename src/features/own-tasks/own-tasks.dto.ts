import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { numberInQuery } from '../../infrastructure/http/number-in-query.js';
import { TASK_STATES } from '../../tasks/definitions/task-state.js';
import type { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { taskStatusFields, taskStatusOf } from '../task-status/task-status.dto.js';

const maxPage = 200;

export const listQuery = z.strictObject({
  status: z.enum(TASK_STATES).optional(),
  name: z
    .string()
    .min(1)
    .max(200)
    .refine(isStorable, 'contains a NUL or a broken character')
    .optional()
    .describe('Name of the task, for example `generate_image_task`.'),
  limit: numberInQuery(z.int().min(1).max(maxPage).default(50)).describe(
    `Most tasks in one answer; at most ${maxPage}.`,
  ),
  cursor: z.uuid().optional().describe('`next_cursor` of the answer before.'),
  owner: z
    .union([z.uuid(), z.literal('all')])
    .optional()
    .describe('For admins: the id of another user, or `all`. Default: your own tasks.'),
});
export type ListQuery = z.output<typeof listQuery>;

const listedTask = z.strictObject({
  name: z.string(),
  owner_id: z.uuid().nullable(),
  ...taskStatusFields,
});

export const taskList = z.strictObject({
  tasks: z.array(listedTask).describe('The newest first.'),
  next_cursor: z.uuid().nullable().describe('null: there are no more.'),
});
export type TaskList = z.output<typeof taskList>;

export const revokeRequest = z
  .strictObject({
    terminate: z
      .boolean()
      .default(false)
      .describe(
        'In a process pool: a handler that has not stopped after two seconds has its process ended by SIGTERM.',
      ),
  })
  .default({ terminate: false })
  .meta({ example: { terminate: false } });
export type RevokeRequest = z.output<typeof revokeRequest>;

export const revokeAnswer = z.strictObject({
  task_id: z.uuid(),
  outcome: z
    .enum(['revoked', 'stopping', 'finished'])
    .describe(
      '`revoked`: it had not started and never will. `stopping`: it is running and will be REVOKED. `finished`: it was over already.',
    ),
  status: z.enum(TASK_STATES),
});
export type RevokeAnswer = z.output<typeof revokeAnswer>;

export function taskListOf(tasks: TaskEntity[], limit: number): TaskList {
  const page = tasks.slice(0, limit);
  return {
    tasks: page.map((task) => ({ name: task.name, owner_id: task.ownerId, ...taskStatusOf(task) })),
    next_cursor: tasks.length > limit ? page.at(-1)!.id : null,
  };
}
