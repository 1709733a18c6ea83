import type { TaskFailure } from '../definitions/task-errors.js';
import type { Ended } from '../ledger/ledger-rows.js';
import { maxGroupResultBytes } from './group-results.js';

/** The error of a group with a part that is not SUCCESS. It names the first such part. */
export function groupFailed(part: Ended): TaskFailure {
  return {
    code: 'group_failed',
    message: `Part ${part.position! + 1} of the group, task ${part.id} (${part.name}), ${outcome(part)}`,
    retryable: false,
    task_id: part.error?.task_id ?? part.id,
  };
}

const tooLarge = 'results_too_large';

/** The error of a group whose parts are all SUCCESS, but whose results are too large for one row. */
export function resultsTooLarge(bytes: number): TaskFailure {
  return {
    code: tooLarge,
    message: `The results of the group have ${bytes} bytes of JSON together; ${maxGroupResultBytes} fit. Let its parts store what is large and answer with ids.`,
    retryable: false,
  };
}

/** The error of a chord's body whose header has failed. */
export function chordError(group: Ended): TaskFailure {
  const error = group.error!;
  // No single part is to blame, so the group itself is named.
  return error.code === tooLarge
    ? { ...error, task_id: group.id }
    : { ...error, code: 'chord_error' };
}

/** The error of a step that will not run because an earlier step has no result. */
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

/** The error of a node that fails because a child has. It names that child. */
export function blamed(child: Ended): TaskFailure | null {
  return child.error && { ...child.error, task_id: child.error.task_id ?? child.id };
}
