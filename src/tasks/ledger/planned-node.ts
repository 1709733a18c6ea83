import type { Json } from '../../common/json.js';
import type { QueueName } from '../definitions/queues.js';
import type { TaskOverrides } from '../definitions/task-definition.js';
import type { TaskKind } from '../definitions/task-state.js';

/**
 * A node of a canvas that is ready to be stored: a task, `map`, chain, group or chord. Its payloads are checked
 * and all its options are decided. It is plain JSON, since the ledger also keeps callbacks in this form until
 * they are sent.
 */
export interface PlannedNode {
  kind: TaskKind;
  name: string;
  queue: QueueName;
  priority: number;
  payload: Json;
  inputKey: string | null;
  delayMs: number;
  /** ISO 8601; null: `delayMs` applies. */
  runAt: string | null;
  expiresInMs: number | null;
  overrides: TaskOverrides | null;
  children: PlannedNode[];
  callbacks: PlannedCallbacks | null;
}

export interface PlannedCallbacks {
  success: PlannedNode[];
  failure: PlannedNode[];
}
