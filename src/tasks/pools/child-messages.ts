import type { Json } from '../../common/json.js';
import type { Settings } from '../../config/config.module.js';
import type { ClaimedTask } from '../ledger/ledger-rows.js';
import type { RunOutcome } from '../ledger/run-outcome.js';
import type { LimitChange } from '../running/time-limits.js';
import type { PackedReason } from './abort-reasons.js';

/** Messages from the parent to a child. The first one is `boot`. A child runs one task at a time. */
export type ParentMessage =
  | { kind: 'boot'; settings: Settings; worker: string; parent: number }
  | { kind: 'run'; task: ClaimedTask }
  | { kind: 'abort'; attempt: number; taskId: string; reason: PackedReason }
  /** Close cleanly and exit. If the channel closes instead, the child exits at once. */
  | { kind: 'end' };

/** Messages from a child to its parent. */
export type ChildMessage =
  | { kind: 'ready' }
  | { kind: 'not_started'; message: string }
  /** The handler has paused or restarted its time limits. */
  | { kind: 'limits'; change: LimitChange }
  | ChildAnswer
  /** What a feature tells of the child, for `ProcessNews` of the worker. */
  | { kind: 'news'; topic: string; news: Json }
  /** What the last task has left behind is over. */
  | { kind: 'cleared' };

export type ChildAnswer = (
  | { kind: 'done'; outcome: RunOutcome }
  /** The ledger could not be reached. */
  | { kind: 'error'; message: string }
) & {
  /** Bytes. */
  rss: number;
  /** The task has left work behind elsewhere: `cleared` follows when that is over. */
  leftBehind: boolean;
};
