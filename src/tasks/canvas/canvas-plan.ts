import type { Json } from '../../common/json.js';
import type { QueueName } from '../queues.js';
import type { TaskOverrides } from '../task-definition.js';
import { checkedPayload, checkedPayloads, checkedRest } from '../task-payload.js';
import type { CanvasNode, LeafNode, NodeOptions } from './canvas.js';

/** A canvas without code: checked, all options decided, JSON. What the ledger keeps of callbacks. */
export interface PlannedNode {
  kind: CanvasNode['kind'];
  name: string;
  queue: QueueName;
  priority: number;
  payload: Json;
  inputKey: string | null;
  delayMs: number;
  /** ISO */
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

/** Names and queue of nodes that no worker runs. */
const nowhere: QueueName = 'normal_priority';

/**
 * Checks every payload and option of a canvas.
 *
 * @param inherited options of the nodes above, for what a node does not say itself
 * @throws InvalidPayloadError, RangeError
 */
export function planCanvas(node: CanvasNode, inherited: NodeOptions = {}): PlannedNode {
  checkOptions(node.options);
  const options = inheriting(node.options, inherited);
  const callbacks = planCallbacks(node);
  if (!('children' in node)) return { ...planLeaf(node, options), callbacks };
  const { delayMs, runAt, expiresInMs, ...forAll } = options;
  const times = {
    ...(delayMs !== undefined && { delayMs }),
    ...(runAt !== undefined && { runAt }),
    ...(expiresInMs !== undefined && { expiresInMs }),
  };
  return {
    kind: node.kind,
    name: node.kind,
    queue: nowhere,
    priority: 0,
    payload: null,
    inputKey: null,
    delayMs: 0,
    runAt: null,
    expiresInMs: null,
    overrides: null,
    children: node.children.map((child, i) =>
      planCanvas(child, node.kind === 'group' || i === 0 ? { ...forAll, ...times } : forAll),
    ),
    callbacks,
  };
}

/** What it does not say itself; of `delayMs` and `runAt` neither, when it says the other. */
function inheriting(own: NodeOptions, { delayMs, runAt, ...others }: NodeOptions): NodeOptions {
  if (own.delayMs !== undefined || own.runAt !== undefined) return { ...others, ...own };
  const start = {
    ...(delayMs !== undefined && { delayMs }),
    ...(runAt !== undefined && { runAt }),
  };
  return { ...others, ...start, ...own };
}

function planLeaf(node: LeafNode, options: NodeOptions): Omit<PlannedNode, 'callbacks'> {
  const { definition } = node;
  const { retry, softTimeLimitMs, hardTimeLimitMs } = options;
  const overrides: TaskOverrides = {
    ...(retry && { retry }),
    ...(softTimeLimitMs !== undefined && { softTimeLimitMs }),
    ...(hardTimeLimitMs !== undefined && { hardTimeLimitMs }),
  };
  return {
    kind: node.kind,
    name: definition.name,
    queue: options.queue ?? definition.queue,
    priority: options.priority ?? definition.priority,
    payload: planPayload(node),
    inputKey: node.inputKey,
    delayMs: options.delayMs ?? 0,
    runAt: options.runAt?.toISOString() ?? null,
    expiresInMs: options.expiresInMs ?? null,
    overrides: Object.keys(overrides).length > 0 ? overrides : null,
    children: [],
  };
}

function planPayload({ kind, definition, payload, inputKey }: LeafNode): Json {
  if (kind === 'map') return checkedPayloads(definition, payload);
  if (inputKey === null) return checkedPayload(definition, payload);
  return checkedRest(definition, inputKey, payload);
}

function planCallbacks({ callbacks: { success, failure } }: CanvasNode): PlannedCallbacks | null {
  if (success.length + failure.length === 0) return null;
  const plan = (node: CanvasNode) => planCanvas(node);
  return { success: success.map(plan), failure: failure.map(plan) };
}

function checkOptions(options: NodeOptions): void {
  const { priority, delayMs, runAt, expiresInMs, softTimeLimitMs, hardTimeLimitMs } = options;
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0 && priority <= 9)) {
    throw new RangeError(`priority is ${priority}; it goes from 0 (first) to 9 (last)`);
  }
  if (delayMs !== undefined && runAt !== undefined) {
    throw new RangeError('delayMs and runAt exclude each other');
  }
  if (runAt !== undefined && Number.isNaN(runAt.getTime())) {
    throw new RangeError('runAt is no date');
  }
  const times = { delayMs, expiresInMs, softTimeLimitMs, hardTimeLimitMs };
  for (const [name, ms] of Object.entries(times)) {
    if (ms === undefined || (Number.isFinite(ms) && ms >= 0)) continue;
    throw new RangeError(`${name} is ${ms}; it is a number of milliseconds`);
  }
}
