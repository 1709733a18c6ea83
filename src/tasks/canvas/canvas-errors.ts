import type { TaskFailure } from '../task-errors.js';
import type { Ended } from '../ledger-rows.js';

/** Of a group of which a part has no result: it names the first one. */
export function groupFailed(part: Ended): TaskFailure {
  return {
    code: 'group_failed',
    message: `Part ${part.position! + 1} of the group, task ${part.id} (${part.name}), ${outcome(part)}`,
    retryable: false,
    task_id: part.error?.task_id ?? part.id,
  };
}

/** Of a chord's body whose header has failed. */
export function chordError(group: Ended): TaskFailure {
  return { ...group.error!, code: 'chord_error' };
}

/** Of a step that will not run, because one before it has no result. */
export function chainStopped(step: Ended): TaskFailure {
  return {
    code: 'chain_stopped',
    message: `A step before it, task ${step.id} (${step.name}), ${outcome(step)}`,
    retryable: false,
    task_id: step.error?.task_id ?? step.id,
  };
}

function outcome({ state, error }: Ended): string {
  const word = state === 'REVOKED' ? 'was revoked' : 'failed';
  return error ? `${word}: ${error.message} (${error.code})` : `${word}.`;
}
