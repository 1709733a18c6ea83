import type { Json } from '../../common/json.js';
import { isOver, type NodeStates } from './node-states.js';
import { nodesBefore, type Condition, type NodeSpec, type Source } from './pipeline-graph.js';
import type { Pipeline } from './pipeline-definition.js';

/** What a run has to do next. */
export interface NextNodes {
  /** May begin, or try again, now. */
  ready: NodeSpec[];
  /** Will never run: a branch that was not taken, or something that they need is missing. */
  skipped: NodeSpec[];
}

/** Whether a node that was to make the run fail has failed. @returns its name */
export function failedNode({ nodes }: Pipeline, states: NodeStates): string | undefined {
  for (const { name, onError } of nodes.values()) {
    if (onError === 'fail' && states.get(name)?.state === 'FAILED') return name;
  }
  return undefined;
}

/**
 * Which nodes can run, or never will, as far as the others are now. Once the run has failed, what has not begun is
 * skipped, except the index.
 *
 * @param now milliseconds since 1970
 * @param index name of the node that always runs
 */
export function nextNodes(
  pipeline: Pipeline,
  states: NodeStates,
  now: number,
  index: string,
): NextNodes {
  const next: NextNodes = { ready: [], skipped: [] };
  const failed = failedNode(pipeline, states) !== undefined;
  for (const node of pipeline.nodes.values()) {
    const state = states.get(node.name);
    if (state?.state === 'RETRY') {
      if (failed && node.name !== index) next.skipped.push(node);
      else if (state.retryAt === null || state.retryAt.getTime() <= now) next.ready.push(node);
      continue;
    }
    if (state) continue;
    if (failed && node.name !== index) next.skipped.push(node);
    else if (nodesBefore(node).every((name) => isOver(states.get(name)))) {
      (runs(node, states) ? next.ready : next.skipped).push(node);
    }
  }
  return next;
}

/** The values that a node takes, by field. @param data of the event */
export function inputsOf(node: NodeSpec, states: NodeStates, data: Json): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(node.inputs).map(([field, source]) => [field, valueOf(source, states, data)]),
  );
}

function runs({ inputs, when }: NodeSpec, states: NodeStates): boolean {
  return (
    Object.values(inputs).every((source) => isThere(source, states)) &&
    (when.length === 0 || when.some((condition) => isTrue(condition, states)))
  );
}

function isThere(source: Source, states: NodeStates): boolean {
  switch (source.from) {
    case 'output':
      return states.get(source.node)?.state === 'DONE';
    case 'error':
      return states.get(source.node)?.state === 'FAILED';
    case 'first':
      return source.nodes.some((name) => states.get(name)?.state === 'DONE');
    case 'event':
    case 'optional':
    case 'task':
      return true;
  }
}

function isTrue({ node, route }: Condition, states: NodeStates): boolean {
  const state = states.get(node);
  return route === null ? state?.state === 'FAILED' : state?.output === route;
}

function valueOf(source: Source, states: NodeStates, data: Json): Json {
  switch (source.from) {
    case 'event':
      return data;
    case 'error': {
      const { code, message } = states.get(source.node)!.error!;
      return { code, message };
    }
    case 'task':
      return states.get(source.node)?.taskId ?? null;
    case 'first':
      return states.get(source.nodes.find((name) => states.get(name)?.state === 'DONE')!)!.output;
    case 'output':
    case 'optional': {
      const state = states.get(source.node);
      return state?.state === 'DONE' ? state.output : null;
    }
  }
}
