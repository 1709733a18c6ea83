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
