import { Injectable, Module } from '@nestjs/common';
import { z } from 'zod';
import { defineEvent } from '../../src/features/pipelines/event-type.js';
import { definePipeline } from '../../src/features/pipelines/pipeline-definition.js';
import type { Reference } from '../../src/features/pipelines/pipeline-graph.js';
import { PipelineNode } from '../../src/features/pipelines/pipeline-node.js';

const value = z.strictObject({ n: z.int() });
const input = z.strictObject({ before: value });

/** Adds one, which costs nothing. */
@Injectable()
class PlusOne extends PipelineNode<typeof input, typeof value> {
  readonly input = input;
  readonly output = value;

  async run({ before }: z.output<typeof input>) {
    return { n: before.n + 1 };
  }
}

@Module({ providers: [PlusOne] })
export class LineModule {}

/** A pipeline of so many nodes in a row. */
export function line(nodes: number) {
  const type = `line_${nodes}`;
  const event = defineEvent({ type, description: 'For a benchmark.', data: value });
  return definePipeline({
    name: type,
    description: 'For a benchmark.',
    event,
    nodes(graph, data) {
      let before: Reference<z.output<typeof value>> = data;
      for (let n = 0; n < nodes; n++) before = graph.node(`node_${n}`, PlusOne, { before });
    },
  });
}

/** The longer one shows what ten nodes more cost. */
export const lines = { short: line(2), long: line(12) };
