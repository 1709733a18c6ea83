import type { NodeStateName } from './node-states.js';
import type { Pipeline } from './pipeline-definition.js';
import { nodesBefore, type NodeSpec } from './pipeline-graph.js';

const colours: Record<NodeStateName, string> = {
  DONE: 'fill:#d3f2dd,stroke:#1d7a3e,color:#0b3d1e',
  FAILED: 'fill:#fbdada,stroke:#b3261e,color:#5c0f0a',
  SKIPPED: 'fill:#eeeeee,stroke:#999999,color:#666666',
  WAITING: 'fill:#fff2cc,stroke:#a67c00,color:#5c4500',
  RETRY: 'fill:#ffe3c2,stroke:#b35900,color:#5c2e00',
};

/** A pipeline as a Mermaid flowchart. @param states colours its nodes by how far a run is */
export function pipelineDrawing(
  { event, nodes }: Pipeline,
  states?: ReadonlyMap<string, { state: NodeStateName }>,
): string {
  const lines = ['flowchart TD', `  event(["${event.type}"])`];
  for (const node of nodes.values()) lines.push(`  ${boxOf(node)}`);
  for (const node of nodes.values())
    lines.push(...arrowsTo(node, nodes).map((line) => `  ${line}`));
  if (!states) return `${lines.join('\n')}\n`;
  for (const [state, style] of Object.entries(colours)) {
    const named = [...nodes.keys()].filter((name) => states.get(name)?.state === state);
    if (named.length === 0) continue;
    lines.push(`  classDef ${state.toLowerCase()} ${style}`);
    lines.push(`  class ${named.map(idOf).join(',')} ${state.toLowerCase()}`);
  }
  return `${lines.join('\n')}\n`;
}

function boxOf({ name, kind }: NodeSpec): string {
  const id = idOf(name);
  if (kind === 'router') return `${id}{"${name}"}`;
  return kind === 'task' ? `${id}[["${name}"]]` : `${id}["${name}"]`;
}

/** Some words mean something to Mermaid: `end`. */
function idOf(name: string): string {
  return `n_${name}`;
}

/** Arrows that others imply are left out: the index node waits for all, but is drawn behind the last ones. */
function arrowsTo(node: NodeSpec, nodes: ReadonlyMap<string, NodeSpec>): string[] {
  const before = nodesBefore(node);
  if (before.length === 0) return [`event --> ${idOf(node.name)}`];
  const conditions = node.when.map(({ node: from, route }) => {
    return `${idOf(from)} -- ${route ?? 'failed'} --> ${idOf(node.name)}`;
  });
  const conditional = new Set(node.when.map(({ node: from }) => from));
  const plain = before.filter((name) => !conditional.has(name) && !isImplied(name, before, nodes));
  const optional = new Set(
    Object.values(node.inputs).flatMap((source) =>
      source.from === 'optional' ? [source.node] : [],
    ),
  );
  return [
    ...conditions,
    ...plain.map(
      (name) => `${idOf(name)} ${optional.has(name) ? '-.->' : '-->'} ${idOf(node.name)}`,
    ),
  ];
}

/** Another one of them runs behind it anyway. */
function isImplied(name: string, all: string[], nodes: ReadonlyMap<string, NodeSpec>): boolean {
  return all.some((other) => other !== name && isBehind(other, name, nodes));
}

function isBehind(later: string, earlier: string, nodes: ReadonlyMap<string, NodeSpec>): boolean {
  return nodesBefore(nodes.get(later)!).some(
    (name) => name === earlier || isBehind(name, earlier, nodes),
  );
}
