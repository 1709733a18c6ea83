import type { FinalState } from '../definitions/task-state.js';

/** How a look at a task ended, which decides what happens to its hint. */
export type RunOutcome =
  | { kind: 'over'; state: FinalState | null; code?: string }
  /**
   * Look again in `inMs` milliseconds. `code`: the failure that made the task RETRY. `snoozed`: the task waits
   * for something outside.
   */
  | { kind: 'later'; inMs: number; code?: string; snoozed?: true };
