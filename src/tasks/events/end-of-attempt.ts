import type { RunOutcome } from '../task-attempts.js';
import type { ClaimedTask, Settled } from '../task-ledger.js';
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

/** A task ended without running: it expired, or its worker died too often. */
export function endWithoutAttempt(taskId: string, settled: Settled): EmittedEvent {
  const { state, name, queue, attempt, code } = settled;
  const type = state === 'REVOKED' ? 'task-revoked' : 'task-failed';
  return { type, taskId, name, queue, attempt, code, runtimeMs: null };
}
