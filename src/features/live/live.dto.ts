import { z } from 'zod';
import type { TaskProgressed } from '../../tasks/events/live-event.js';
import { textOf, type Position } from '../../tasks/history/position.js';
import type { HistoryRow, HistoryType } from '../../tasks/history/task-history.js';
import { isFinal } from '../../tasks/definitions/task-state.js';
import type { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { generateImageTask } from '../image-generation/image-generation.tasks.js';

export const streamQuery = z.strictObject({
  owner: z
    .union([z.uuid(), z.literal('all')])
    .optional()
    .describe('For admins: the id of another user, or `all`. Default: your own tasks.'),
});
export type StreamQuery = z.output<typeof streamQuery>;

/** What the docs show of a stream. */
export const streamExample = `retry: 3000

event: accepted
id: 811
data: {"task_id":"01890000-0000-7000-8000-000000000000","name":"generate_image_task",\
"owner_id":"01890000-0000-7000-8000-000000000001","at":"2026-11-28T12:00:00.000Z","attempt":0}

event: started
id: 813
data: {"task_id":"01890000-0000-7000-8000-000000000000","name":"generate_image_task",\
"owner_id":"01890000-0000-7000-8000-000000000001","at":"2026-11-28T12:00:00.412Z","attempt":1}

event: progress
data: {"task_id":"01890000-0000-7000-8000-000000000000","name":"generate_image_task",\
"owner_id":"01890000-0000-7000-8000-000000000001","at":"2026-11-28T12:00:00.950Z","attempt":1,\
"percent":45,"step":9,"steps":20,"eta_seconds":0.6}

`;

/** One event as its bytes. Without a position, a client that comes back does not get it again. */
function frame(event: string, data: object, position?: Position): string {
  const id = position ? `id: ${textOf(position)}\n` : '';
  return `event: ${event}\n${id}data: ${JSON.stringify(data)}\n\n`;
}

/** @param position of a reader that has had more than the row's */
export function frameOf(row: HistoryRow, position = row.position): string {
  const { taskId, name, ownerId, at, type, attempt, error } = row;
  const data = { task_id: taskId, name, owner_id: ownerId, at, attempt };
  return frame(type, error === null ? data : { ...data, error }, position);
}

export function frameOfProgress({ taskId, ownerId, name, at, attempt, progress }: TaskProgressed) {
  const { percent, step = null, steps = null, eta_seconds = null } = progress;
  const data = { task_id: taskId, name, owner_id: ownerId, at, attempt };
  return frame('progress', { ...data, percent, step, steps, eta_seconds });
}

/** Tells a client only where it is: no event, but what it names when it comes back. */
export function frameOfPosition(position: Position): string {
  return `id: ${textOf(position)}\n\n`;
}

/** The end of a task that has no history, as the ledger knows it. */
export function frameOfEnd(task: TaskEntity, position: Position): string {
  const { id, name, ownerId, attempt, state, error, finishedAt: at } = task;
  const data = { task_id: id, name, owner_id: ownerId, at, attempt };
  const type = ends[state as keyof typeof ends];
  return frame(type, error === null ? data : { ...data, error }, position);
}

const ends = { SUCCESS: 'succeeded', FAILURE: 'failed', REVOKED: 'revoked' } as const;

/** Whether nothing follows. After a picture is made it is uploaded. */
export function isLast(type: HistoryType | undefined, name: string): boolean {
  if (type === 'succeeded') return name !== generateImageTask.name;
  return type === 'failed' || type === 'revoked' || type === 'uploaded';
}

/** Whether a task is over for a stream of it. @param latest its last step in the history */
export function isOver(task: TaskEntity, latest: HistoryType | undefined): boolean {
  return isLast(latest, task.name) || (!task.followed && isFinal(task.state));
}
