import type { Json } from '../../common/json.js';
import type { QueueName } from '../queues.js';
import type { TaskOverrides } from '../task-definition.js';
import { checkedPayload, checkedPayloads, checkedRest } from '../task-payload.js';
import type { CanvasNode, LeafNode, NodeOptions } from './canvas.js';
import { checkOptions, optionsWithin } from './node-options.js';

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
 * Levels of a canvas, callbacks included: far more than anybody draws, and far fewer than overflow a
 * stack, here or in Postgres.
 */
export const maxDepth = 1_000;

/**
 * Checks every payload and option of a canvas.
 *
 * @param inherited options of the nodes above, for what a node does not say itself
 * @param depth levels above it
 * @throws InvalidPayloadError, RangeError
 */
export function planCanvas(node: CanvasNode, inherited: NodeOptions = {}, depth = 0): PlannedNode {
  if (depth > maxDepth) {
    throw new RangeError(`A canvas is nested more than ${maxDepth} deep; send it in parts.`);
  }
  checkOptions(node.options);
  const options = optionsWithin(inherited, node.options);
  const callbacks = planCallbacks(node, depth + 1);
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
      planCanvas(
        child,
        node.kind === 'group' || i === 0 ? { ...forAll, ...times } : forAll,
        depth + 1,
      ),
    ),
    callbacks,
  };
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

function planCallbacks(
  { callbacks: { success, failure } }: CanvasNode,
  depth: number,
): PlannedCallbacks | null {
  if (success.length + failure.length === 0) return null;
  const plan = (node: CanvasNode) => planCanvas(node, {}, depth);
  return { success: success.map(plan), failure: failure.map(plan) };
}
