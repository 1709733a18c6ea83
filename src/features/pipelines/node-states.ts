import type { Json } from '../../common/json.js';
import type { NodeFailure } from './pipeline-node.js';

/**
 * How far a node of a run is. DONE has an output, FAILED an error. WAITING: a task that it has sent is not over. RETRY: it
 * runs again at `retryAt`.
 */
export const NODE_STATES = ['DONE', 'SKIPPED', 'FAILED', 'WAITING', 'RETRY'] as const;
export type NodeStateName = (typeof NODE_STATES)[number];

export interface NodeState {
  state: NodeStateName;
  output: Json;
  error: NodeFailure | null;
  /** Attempts that have failed. */
  failures: number;
  /** Of the task that it waits for, or has waited for. */
  taskId: string | null;
  retryAt: Date | null;
}

export type NodeStates = ReadonlyMap<string, NodeState>;

export function isOver(state: NodeState | undefined): boolean {
  return state !== undefined && state.state !== 'WAITING' && state.state !== 'RETRY';
}
