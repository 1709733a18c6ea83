import type { ClaimedTask } from '../ledger-rows.js';

/** Which task, in the events of an attempt. */
export function taskOf({ id, name, queue, attempt }: ClaimedTask) {
  return { taskId: id, name, queue, attempt };
}
