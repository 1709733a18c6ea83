import type { TaskState } from '../definitions/task-state.js';
import type { CanvasGraph, GraphNode } from './canvas-graph.js';

/** Fill and line colour of each state; readable on light and dark pages. */
const colours: Record<TaskState, { fill: string; line: string }> = {
  PENDING: { fill: '#eceff1', line: '#78909c' },
  STARTED: { fill: '#bbdefb', line: '#1976d2' },
  RETRY: { fill: '#ffe0b2', line: '#f57c00' },
  SUCCESS: { fill: '#c8e6c9', line: '#388e3c' },
  FAILURE: { fill: '#ffcdd2', line: '#d32f2f' },
  REVOKED: { fill: '#fff9c4', line: '#f9a825' },
};

/** Writes the drawing as a Mermaid flowchart, which GitHub and many editors draw. */
export function mermaidOf({ nodes, edges }: CanvasGraph): string {
  const lines = ['flowchart LR'];
  const draw = (node: GraphNode, depth: number): void => {
    const indent = '  '.repeat(depth);
    const label = node.label.map(mermaidText);
    if (node.children.length === 0) {
      lines.push(`${indent}${node.key}["${label.join('<br/>')}"]`);
      return;
    }
    lines.push(`${indent}subgraph ${node.key}["${label.join(': ')}"]`);
    for (const child of node.children) draw(child, depth + 1);
    lines.push(`${indent}end`);
  };
  for (const node of nodes) draw(node, 1);
  for (const { from, to, kind } of edges) {
    lines.push(`  ${from.key} ${kind === 'callback' ? '-.->' : '-->'} ${to.key}`);
  }
  for (const [state, keys] of byState(nodes)) {
    const { fill, line } = colours[state];
    lines.push(`  classDef ${state} fill:${fill},stroke:${line},color:#212121`);
    lines.push(`  class ${keys.join(',')} ${state}`);
  }
  return lines.join('\n');
}

/** Writes the drawing for Graphviz: `darkroom graph <id> --dot | dot -Tsvg`. */
export function dotOf({ nodes, edges }: CanvasGraph): string {
  const lines = ['digraph canvas {', '  rankdir=LR; compound=true; fontname="sans-serif";'];
  lines.push('  node [shape=box style="rounded,filled" fontname="sans-serif"];');
  const draw = (node: GraphNode, depth: number): void => {
    const indent = '  '.repeat(depth);
    const colour = node.state && colours[node.state];
    if (node.children.length === 0) {
      const paint = colour ? ` fillcolor="${colour.fill}" color="${colour.line}"` : '';
      lines.push(`${indent}${node.key} [label=${dotText(node.label)}${paint}];`);
      return;
    }
    lines.push(`${indent}subgraph cluster_${node.key} {`);
    lines.push(`${indent}  label=${dotText([node.label.join(': ')])};`);
    if (colour) lines.push(`${indent}  style=rounded; color="${colour.line}";`);
    for (const child of node.children) draw(child, depth + 1);
    lines.push(`${indent}}`);
  };
  for (const node of nodes) draw(node, 1);
  for (const { from, to, kind } of edges) {
    // Graphviz connects clusters only through nodes inside them.
    const marks = [
      ...(from.children.length > 0 ? [`ltail=cluster_${from.key}`] : []),
      ...(to.children.length > 0 ? [`lhead=cluster_${to.key}`] : []),
      ...(kind === 'callback' ? ['style=dashed'] : []),
    ];
    const attributes = marks.length > 0 ? ` [${marks.join(' ')}]` : '';
    lines.push(`  ${innermost(from, -1).key} -> ${innermost(to, 0).key}${attributes};`);
  }
  return [...lines, '}'].join('\n');
}

function innermost(node: GraphNode, at: 0 | -1): GraphNode {
  const child = node.children.at(at);
  return child ? innermost(child, at) : node;
}

function byState(nodes: GraphNode[]): Map<TaskState, string[]> {
  const found = new Map<TaskState, string[]>();
  const visit = (node: GraphNode): void => {
    if (node.state) found.set(node.state, [...(found.get(node.state) ?? []), node.key]);
    node.children.forEach(visit);
  };
  nodes.forEach(visit);
  return found;
}

/** Replaces what Mermaid might read as markup by character codes; Mermaid has no backslash escapes. */
function mermaidText(text: string): string {
  return oneLine(text).replace(/[#&;"<>`\\{}()[\]|%*~]/g, (c) => `#${c.charCodeAt(0)};`);
}

function dotText(lines: string[]): string {
  const escaped = lines.map((line) => oneLine(line).replace(/["\\]/g, '\\$&'));
  return `"${escaped.join('\\n')}"`;
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
}
