import type { EventData, EventType } from './event-type.js';
import { ElasticsearchIndexNode } from './elasticsearch-index.node.js';
import { NodeReference, PipelineGraph, Reference, type NodeSpec } from './pipeline-graph.js';
import { problemOf } from './graph-problems.js';

/** What happens with the events of one type. */
export interface Pipeline {
  readonly name: string;
  /** One sentence for users. */
  readonly description: string;
  readonly event: EventType;
  /** In the order of their declaration, which is one in which they can run. The last one indexes the event. */
  readonly nodes: ReadonlyMap<string, NodeSpec>;
}

export interface PipelineOptions<T extends EventType> {
  name: string;
  description: string;
  event: T;
  /** Adds the nodes. `data` is that of the event. */
  nodes: (graph: PipelineGraph, data: Reference<EventData<T>>) => void;
}

/** Name of the node that every pipeline ends with. */
export const indexNode = 'elasticsearch_index';

const defined = new Map<string, Pipeline>();

/**
 * Declares the pipeline of a type of events. A node that indexes the event is added to it, behind all others.
 *
 * @throws Error when the graph is wrong: at import, so when the process starts
 */
export function definePipeline<T extends EventType>(options: PipelineOptions<T>): Pipeline {
  const { name, description, event } = options;
  const graph = new PipelineGraph(name);
  options.nodes(graph, new Reference<EventData<T>>(graph, { from: 'event' }));
  const before = [...graph.nodes.keys()].map((node) => new NodeReference(graph, node));
  // Whatever the others did, the event can be found.
  graph.node(indexNode, ElasticsearchIndexNode, {}, { after: before, onError: 'skip' });
  const problem = problemOf(graph);
  if (problem !== undefined) throw new Error(`Pipeline "${name}": ${problem}.`);
  for (const other of defined.values()) {
    if (other.name === name) throw new Error(`Two pipelines are named "${name}".`);
    if (other.event.type === event.type) {
      throw new Error(`The pipelines "${other.name}" and "${name}" take the same type of event.`);
    }
  }
  const pipeline = { name, description, event, nodes: graph.nodes };
  defined.set(name, pipeline);
  return pipeline;
}

/** All pipelines that the loaded modules of this process declare. */
export function definedPipelines(): Pipeline[] {
  return [...defined.values()];
}
