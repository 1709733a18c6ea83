import type { ClaimedTask, Ended } from '../ledger/ledger-rows.js';
import type { RunOutcome } from '../ledger/run-outcome.js';
import type { EmittedEvent } from './live-event.js';
import { taskOf } from './task-of.js';

/** The event for the end of an attempt; undefined when the task only went back to the queue. */
export function endOfAttempt(
  task: ClaimedTask,
  outcome: RunOutcome,
  runtimeMs: number,
): EmittedEvent | undefined {
  const told = { ...taskOf(task), runtimeMs };
  if (outcome.kind === 'later') {
    const { inMs, code } = outcome;
    return code === undefined ? undefined : { type: 'task-retried', ...told, code, inMs };
  }
  switch (outcome.state) {
    case 'SUCCESS':
      return { type: 'task-succeeded', ...told };
    case 'FAILURE':
      return { type: 'task-failed', ...told, code: outcome.code ?? 'failed' };
    case 'REVOKED':
      return { type: 'task-revoked', ...told, code: outcome.code ?? 'revoked' };
    case null:
      return undefined;
  }
}

/**
 * The event for a task that ended without an attempt: it expired, was revoked, or its worker died too
 * often; or it is a node of a canvas, which ends when the tasks below it have ended.
 */
export function endWithoutAttempt(ended: Ended): EmittedEvent {
  const { id, state, name, queue, attempt, error } = ended;
  const told = { taskId: id, name, queue, attempt };
  if (state === 'SUCCESS') return { type: 'task-succeeded', ...told, runtimeMs: null };
  const type = state === 'REVOKED' ? 'task-revoked' : 'task-failed';
  return { type, ...told, code: error?.code ?? type, runtimeMs: null };
}
