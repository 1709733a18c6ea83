/** Celery's words. SUCCESS, FAILURE and REVOKED are final and never change. */
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

/** What a row of the ledger is: a task, a task over many payloads, or a node above others. */
export const TASK_KINDS = ['task', 'map', 'chain', 'group', 'chord'] as const;
export type TaskKind = (typeof TASK_KINDS)[number];
