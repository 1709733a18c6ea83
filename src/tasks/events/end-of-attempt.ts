import type { RunOutcome } from '../run-outcome.js';
import type { ClaimedTask, Ended } from '../ledger-rows.js';
import type { EmittedEvent } from './live-event.js';
import { taskOf } from './task-of.js';

/** What to tell of an attempt; undefined when it only went back to the queue. */
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
 * A task ended without running: it expired, was revoked, its worker died too often; or it is a node
 * of a canvas that is over because what is in it is.
 */
export function endWithoutAttempt(ended: Ended): EmittedEvent {
  const { id, state, name, queue, attempt, error } = ended;
  const told = { taskId: id, name, queue, attempt };
  if (state === 'SUCCESS') return { type: 'task-succeeded', ...told, runtimeMs: null };
  const type = state === 'REVOKED' ? 'task-revoked' : 'task-failed';
  return { type, ...told, code: error?.code ?? type, runtimeMs: null };
}
