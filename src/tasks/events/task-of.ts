import type { ClaimedTask } from '../ledger/ledger-rows.js';

/** The fields of an event that name the task and its attempt. */
export function taskOf({ id, name, queue, attempt }: ClaimedTask) {
  return { taskId: id, name, queue, attempt };
}
