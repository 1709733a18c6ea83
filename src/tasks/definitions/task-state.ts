/** Celery's states. SUCCESS, FAILURE and REVOKED are final: they never change. */
export const TASK_STATES = [
  'PENDING',
  'STARTED',
  'RETRY',
  'SUCCESS',
  'FAILURE',
  'REVOKED',
] as const;
export type TaskState = (typeof TASK_STATES)[number];

export type FinalState = 'SUCCESS' | 'FAILURE' | 'REVOKED';

export function isFinal(state: TaskState): state is FinalState {
  return state === 'SUCCESS' || state === 'FAILURE' || state === 'REVOKED';
}

/**
 * What a row of the ledger is: a task, a task over many payloads (`map`), or a node of a canvas that has
 * others below it.
 */
export const TASK_KINDS = ['task', 'map', 'chain', 'group', 'chord'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];
