import type { Json } from '../common/json.js';
import type { PlannedCallbacks } from './canvas/canvas-plan.js';
import type { QueueName } from './queues.js';
import type { TaskOverrides } from './task-definition.js';
import type { TaskFailure } from './task-errors.js';
import type { FinalState, TaskKind } from './task-state.js';

/** One claim of a task. `attempt` fences every later write. */
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
  correlationId: string | null;
}

export interface Fence {
  id: string;
  attempt: number;
}

export type Claim =
  | { kind: 'claimed'; task: ClaimedTask }
  /** Not now: due later, or leased to a worker that may be alive. Milliseconds. */
  | { kind: 'later'; inMs: number }
  /** It could be claimed, but for limits of its name that the caller must look at first. */
  | { kind: 'limited'; task: LimitedTask }
  /** It could be claimed by who lets nothing else run in its process. */
  | { kind: 'suspect' }
  /** This worker has no handler for it; one of another release may. */
  | { kind: 'unknown'; name: string }
  /** It must not run any more, and nobody has written so yet. */
  | { kind: 'overdue'; because: 'expired' | 'revoked' | 'poisoned' }
  /** Final, unknown, or blocked. */
  | { kind: 'over' };

/** A task that limits are looked at for. */
export interface LimitedTask {
  id: string;
  kind: 'task' | 'map';
  name: string;
  payload: Json;
}

/** A row that has just become final, with what decides what follows. */
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
}

/** For `RETURNING`: an {@link Ended}. */
export const endedColumns = `id, kind, name, queue, attempt, state, result, error, links, position,
  canvas_id AS "canvasId", parent_id AS "parentId"`;
