import { nodesBefore, type NodeSpec, type PipelineGraph } from './pipeline-graph.js';

/** What is wrong with a graph: the end of a sentence. undefined: nothing. */
export function problemOf({ nodes }: PipelineGraph): string | undefined {
  // The index node alone.
  if (nodes.size === 1) return 'it has no nodes';
  const circle = circleIn(nodes);
  if (circle) return `its nodes wait for each other in a circle: ${circle.join(' → ')}`;
  for (const node of nodes.values()) {
    for (const name of nodesBefore(node)) {
      if (!nodes.has(name))
        return `"${node.name}" takes something from "${name}", which is missing`;
    }
    const problem = branchProblem(node, nodes);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** A failure that nobody can see coming, or a branch that nobody takes. */
function branchProblem(node: NodeSpec, nodes: ReadonlyMap<string, NodeSpec>): string | undefined {
  const handled = [...nodes.values()].some((other) => handlesFailureOf(other, node.name));
  if (handled && node.onError !== 'branch') {
    return `a node takes the failure of "${node.name}", whose onError is not "branch"`;
  }
  if (!handled && node.onError === 'branch') {
    return `the onError of "${node.name}" is "branch", but no node takes its failure`;
  }
  return undefined;
}

function handlesFailureOf({ inputs, when }: NodeSpec, name: string): boolean {
  return (
    when.some(({ node, route }) => node === name && route === null) ||
    Object.values(inputs).some((source) => source.from === 'error' && source.node === name)
  );
}

/** @returns the nodes of a circle in the order of their runs, the first one again at its end; undefined: there is none */
function circleIn(nodes: ReadonlyMap<string, NodeSpec>): string[] | undefined {
  const over = new Set<string>();
  const visit = (name: string, way: string[]): string[] | undefined => {
    if (way.includes(name)) return [name, ...way.slice(0, way.indexOf(name) + 1)];
    const node = nodes.get(name);
    if (!node || over.has(name)) return undefined;
    for (const before of nodesBefore(node)) {
      const circle = visit(before, [name, ...way]);
      if (circle) return circle;
    }
    over.add(name);
    return undefined;
  };
  for (const name of nodes.keys()) {
    const circle = visit(name, []);
    if (circle) return circle;
  }
  return undefined;
}
