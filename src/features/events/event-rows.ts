import type { Json } from '../../common/json.js';
import type { NodeState, NodeStateName } from '../pipelines/node-states.js';
import type { NodeFailure } from '../pipelines/pipeline-node.js';

export const EVENT_STATUSES = ['ACCEPTED', 'PROCESSED', 'FAILED', 'REVOKED'] as const;

export interface EventRow {
  id: string;
  ownerId: string | null;
  producerId: string | null;
  type: string;
  status: (typeof EVENT_STATUSES)[number];
  runId: string;
  createdAt: Date;
  finishedAt: Date | null;
}

export interface RunRow {
  id: string;
  pipeline: string;
  state: 'RUNNING' | 'SUCCESS' | 'FAILURE' | 'REVOKED';
  error: NodeFailure | null;
  createdAt: Date;
  finishedAt: Date | null;
}

export interface NodeRow extends Omit<NodeState, 'state'> {
  node: string;
  state: NodeStateName | 'PENDING';
  startedAt: Date | null;
  finishedAt: Date | null;
}

export interface FoundEvent {
  event: EventRow;
  data: Json;
  runs: RunRow[];
  /** Of the newest run. */
  nodes: NodeRow[];
  drawing: string;
}
