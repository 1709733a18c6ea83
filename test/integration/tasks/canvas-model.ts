import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import type { Json } from '../../../src/common/json.js';

/** A canvas of the property test: what its leaves do is written into it. */
export type ModelNode = Leaf | Inner;
export interface Leaf {
  kind: 'leaf';
  /** Takes the result of the step before. */
  takes: boolean;
  /** Attempts that fail before one succeeds; above `maxRetries` none does. */
  hiccups: number;
  broken: boolean;
  callbacks: { success: boolean; failure: boolean };
}
export interface Inner {
  kind: 'chain' | 'group' | 'chord';
  children: ModelNode[];
  callbacks: { success: boolean; failure: boolean };
}

export const maxRetries = 2;

const callbacks = fc.record({
  success: fc.nat(9).map((n) => n === 0),
  failure: fc.nat(9).map((n) => n === 0),
});
const leaf: fc.Arbitrary<Leaf> = fc.record({
  kind: fc.constant('leaf' as const),
  takes: fc.boolean(),
  hiccups: fc.oneof({ weight: 9, arbitrary: fc.constant(0) }, fc.nat(maxRetries + 1)),
  broken: fc.nat(11).map((n) => n === 0),
  callbacks,
});

const { node } = fc.letrec<{ node: ModelNode; group: Inner }>((tie) => {
  const some = (minLength: number) =>
    fc.array(tie('node'), { minLength, maxLength: 4, depthIdentifier: 'canvas' });
  const inner = (kind: Inner['kind'], children: fc.Arbitrary<ModelNode[]>) =>
    fc.record({ kind: fc.constant(kind), children, callbacks });
  return {
    node: fc.oneof(
      { depthIdentifier: 'canvas', maxDepth: 4, withCrossShrink: true },
      { weight: 3, arbitrary: leaf },
      { weight: 2, arbitrary: inner('chain', some(1)) },
      { weight: 2, arbitrary: tie('group') },
      { weight: 2, arbitrary: inner('chord', fc.tuple(tie('group'), tie('node'))) },
    ),
    group: inner('group', some(0)),
  };
});
export const anyCanvas: fc.Arbitrary<ModelNode> = node;

/** How a node ends. `code` is null for SUCCESS. */
export interface Outcome {
  kind: string;
  state: string;
  code: string | null;
  result: Json;
  children: Outcome[];
  /** Callbacks that were sent: for SUCCESS or for FAILURE. */
  called: number;
}

/** What a leaf gives: short, and another one for each input. */
export function resultOfLeaf(takes: boolean, input: Json): string {
  const text = JSON.stringify(takes ? input : 'nothing');
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** The rules of the canvas in their plainest form, without rows, queues and time. */
export function reference(node: ModelNode, input: Json): Outcome {
  switch (node.kind) {
    case 'leaf':
      return leafOutcome(node, input);
    case 'group': {
      const children = node.children.map((child) => reference(child, input));
      const failed = children.some((child) => child.state !== 'SUCCESS');
      return failed
        ? ended(node, 'FAILURE', 'group_failed', children)
        : ended(
            node,
            'SUCCESS',
            null,
            children,
            children.map((child) => child.result),
          );
    }
    case 'chain':
    case 'chord':
      return sequenceOutcome(node, input);
  }
}

function leafOutcome(node: Leaf, input: Json): Outcome {
  if (node.broken) return ended(node, 'FAILURE', 'broken', []);
  if (node.hiccups > maxRetries) return ended(node, 'FAILURE', 'hiccup', []);
  return ended(node, 'SUCCESS', null, [], resultOfLeaf(node.takes, input));
}

function sequenceOutcome(node: Inner, input: Json): Outcome {
  const children: Outcome[] = [];
  let last: Outcome | undefined;
  for (const child of node.children) {
    if (last === undefined) last = reference(child, input);
    else if (last.state === 'SUCCESS') last = reference(child, last.result);
    else if (last.kind === 'group' && last.state === 'FAILURE') last = failedBody(child);
    else {
      children.push(stopped(child));
      continue;
    }
    children.push(last);
  }
  return ended(node, last!.state, last!.code, children, last!.result);
}

function failedBody(node: ModelNode): Outcome {
  const below = node.kind === 'leaf' ? [] : node.children.map(stopped);
  return ended(node, 'FAILURE', 'chord_error', below);
}

function stopped(node: ModelNode): Outcome {
  const below = node.kind === 'leaf' ? [] : node.children.map(stopped);
  return ended(node, 'REVOKED', 'chain_stopped', below);
}

function ended(
  { kind, callbacks }: ModelNode,
  state: string,
  code: string | null,
  children: Outcome[],
  result: Json = null,
): Outcome {
  const called =
    (state === 'SUCCESS' && callbacks.success) || (state === 'FAILURE' && callbacks.failure);
  return { kind, state, code, result, children, called: Number(called) };
}
