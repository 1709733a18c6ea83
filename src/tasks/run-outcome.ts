import type { FinalState } from './task-state.js';

/** What becomes of the hint that led here. */
export type RunOutcome =
  | { kind: 'over'; state: FinalState | null; code?: string }
  /** Look again in so many milliseconds. `code`: of the failure that made it a RETRY. `snoozed`: it waits for something outside. */
  | { kind: 'later'; inMs: number; code?: string; snoozed?: true };
