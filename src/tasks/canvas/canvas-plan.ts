import type { Json } from '../../common/json.js';
import type { QueueName } from '../definitions/queues.js';
import { checkOptions, decidedOptions, type SentOptions } from '../definitions/sent-options.js';
import { checkedPayload, checkedPayloads, checkedRest } from '../definitions/task-payload.js';
import type { PlannedCallbacks, PlannedNode } from '../ledger/planned-node.js';
import { limitKey } from '../limits/limit-key.js';
import type { CanvasNode, LeafNode } from './canvas.js';
import { optionsWithin } from './inherited-options.js';

/** The queue in the rows of chains, groups and chords, which no worker runs. */
const nowhere: QueueName = 'normal_priority';

/**
 * Most levels of a canvas, callbacks included: far more than anybody needs, and far fewer than would overflow the
 * stack, here or in Postgres.
 */
export const maxDepth = 1_000;

/**
 * Checks all payloads and options of a canvas and fills in the defaults.
 *
 * @param inherited options of the nodes above, which apply where the node has none
 * @param depth number of levels above the node
 * @throws InvalidPayloadError, RangeError
 */
export function planCanvas(node: CanvasNode, inherited: SentOptions = {}, depth = 0): PlannedNode {
  if (depth > maxDepth) {
    throw new RangeError(`A canvas is nested more than ${maxDepth} deep. Send it in parts.`);
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

function planLeaf(node: LeafNode, options: SentOptions): Omit<PlannedNode, 'callbacks'> {
  return {
    kind: node.kind,
    name: node.definition.name,
    ...decidedOptions(node.definition, options),
    payload: planPayload(node),
    inputKey: node.inputKey,
    children: [],
  };
}

function planPayload({ kind, definition, payload, inputKey }: LeafNode): Json {
  if (kind === 'map') return checkedPayloads(definition, payload);
  if (inputKey === null) {
    const checked = checkedPayload(definition, payload);
    if (definition.once) limitKey(definition, definition.once, checked);
    return checked;
  }
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
