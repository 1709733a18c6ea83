import type { Json } from '../../common/json.js';
import type { QueueName } from '../definitions/queues.js';
import type { TaskOverrides } from '../definitions/task-definition.js';
import type { TaskFailure } from '../definitions/task-errors.js';
import type { FinalState, TaskKind } from '../definitions/task-state.js';
import type { Overdue } from './overdue.js';
import type { PlannedCallbacks } from './planned-node.js';

/** A claimed task. Every later write must name its `attempt`. */
export interface ClaimedTask {
  id: string;
  kind: 'task' | 'map';
  name: string;
  queue: QueueName;
  payload: Json;
  attempt: number;
  retries: number;
  overrides: TaskOverrides | null;
  canvasId: string | null;
  concurrencyKey: string | null;
  startedAt: Date;
  ownerId: string | null;
  ownerLimit: number | null;
  correlationId: string | null;
  /** How many tasks that it waits for had ended by the claim. */
  wakes: number;
  /** Milliseconds from the time at which it was due to its claim; null: the attempt before has crashed. */
  waitedMs: number | null;
}

/** Names one attempt of a task. A write with a stale fence changes nothing, since a newer attempt has the task. */
export interface Fence {
  id: string;
  attempt: number;
}

/** The outcome of a claim. */
export type Claim =
  | { kind: 'claimed'; task: ClaimedTask }
  /** Not now: due later, or leased to a worker that may be alive. Try again in `inMs` milliseconds. */
  | { kind: 'later'; inMs: number }
  /** Could be claimed, but the caller must check the limits of its definition first. */
  | { kind: 'limited'; task: LimitedTask }
  /** Could be claimed if nothing else ran in the same process. */
  | { kind: 'suspect' }
  /** This worker has no handler for it. A worker of another release may have one. */
  | { kind: 'unknown'; name: string }
  /** Must not run any more, but its row does not say so yet: call `TaskEndings.settle`. */
  | { kind: 'overdue'; because: Overdue }
  /** Ended, deleted or blocked. */
  | { kind: 'over' };

/** A task whose limits must be checked before it is claimed. */
export interface LimitedTask {
  id: string;
  kind: 'task' | 'map';
  name: string;
  payload: Json;
}

/** A row that has just reached a final state, with the columns that decide what follows. */
export interface Ended {
  id: string;
  kind: TaskKind;
  name: string;
  queue: QueueName;
  attempt: number;
  state: FinalState;
  result: Json;
  error: TaskFailure | null;
  canvasId: string | null;
  parentId: string | null;
  position: number | null;
  links: PlannedCallbacks | null;
  /** Stored by the same statement, and not yet in its queue. */
  followUp: FollowUp | null;
  /** The task that waits for this one: the same statement has ended its wait, but its hint is still delayed. */
  waiterId: string | null;
}

/** The task that follows the end of another one. */
export interface FollowUp {
  id: string;
  name: string;
  queue: QueueName;
  /** 0 (first) … 9 (last). */
  priority: number;
}

/** The columns of an {@link Ended}, for `RETURNING`. */
export const endedColumns = `id, kind, name, queue, attempt, state, result, error, links, position,
  canvas_id AS "canvasId", parent_id AS "parentId", follow_up AS "followUp",
  waiter_id AS "waiterId"`;
