import type { Settings } from '../../config/config.module.js';
import type { RunOutcome } from '../run-outcome.js';
import type { ClaimedTask } from '../ledger-rows.js';
import type { PackedReason } from './abort-reasons.js';

/** What a parent says. The first message is `boot`; a child runs one task at a time. */
export type ParentMessage =
  | { kind: 'boot'; settings: Settings; worker: string; parent: number }
  | { kind: 'run'; task: ClaimedTask }
  | { kind: 'abort'; attempt: number; taskId: string; reason: PackedReason }
  /** Close in order and exit. A closed channel means: at once. */
  | { kind: 'end' };

/** What a child says. `rss` is in bytes. */
export type ChildMessage =
  { kind: 'ready' } | { kind: 'not_started'; message: string } | ChildAnswer;

export type ChildAnswer =
  | { kind: 'done'; outcome: RunOutcome; rss: number }
  /** The ledger could not be reached. */
  | { kind: 'error'; message: string; rss: number };
