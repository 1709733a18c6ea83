import { expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import type { ModuleRef } from '@nestjs/core';
import { z } from 'zod';
import { defineEvent } from '../../../src/features/pipelines/event-type.js';
import { ElasticsearchIndexNode } from '../../../src/features/pipelines/elasticsearch-index.node.js';
import {
  definePipeline,
  definedPipelines,
} from '../../../src/features/pipelines/pipeline-definition.js';
import type { PipelineGraph, Reference } from '../../../src/features/pipelines/pipeline-graph.js';
import { PipelineNode, RouterNode } from '../../../src/features/pipelines/pipeline-node.js';
import { PipelineNodes } from '../../../src/features/pipelines/pipeline-nodes.js';

const text = z.strictObject({ text: z.string() });
const number = z.strictObject({ value: z.int() });

class Length extends PipelineNode<typeof text, z.ZodInt> {
  readonly input = text;
  readonly output = z.int();
  async run({ text: given }: { text: string }) {
    return given.length;
  }
}
class Double extends PipelineNode<typeof number, z.ZodInt> {
  readonly input = number;
  readonly output = z.int();
  async run({ value }: { value: number }) {
    return 2 * value;
  }
}
class Size extends RouterNode<typeof number, 'small' | 'large'> {
  readonly input = number;
  readonly routes = ['small', 'large'] as const;
  async route({ value }: { value: number }) {
    return value < 10 ? ('small' as const) : ('large' as const);
  }
}
class Index extends PipelineNode<z.ZodObject, z.ZodNull> {
  readonly input = z.strictObject({});
  readonly output = z.null();
  async run() {
    return null;
  }
}

type Declare = (graph: PipelineGraph, data: Reference<string>) => void;

let started = 0;

/** Starts a worker whose only pipeline has these nodes. */
function start(nodes: Declare, providers: Type<unknown>[] = [Length, Double, Size]) {
  // What was declared before is none of its business.
  for (const { nodes: earlier } of definedPipelines()) (earlier as Map<string, unknown>).clear();
  const type = `nodes_test_${++started}`;
  const event = defineEvent({ type, description: 'For a test.', data: z.string() });
  const pipeline = definePipeline({ name: type, description: 'For a test.', event, nodes });
  const modules = {
    get: (provider: Type<unknown>) => {
      if (provider === ElasticsearchIndexNode) return new Index();
      if (providers.includes(provider)) return new provider();
      throw new Error('Nest has no such provider');
    },
  };
  const found = new PipelineNodes(modules as unknown as ModuleRef);
  found.onModuleInit();
  return { found, pipeline };
}

it('a worker starts when all nodes are there and fit together', () => {
  const { found, pipeline } = start((graph, data) => {
    const length = graph.node('length', Length, { text: data });
    const size = graph.router('size', Size, { value: length });
    graph.node('double', Double, { value: length }, { when: size.is('large') });
  });
  expect(found.of(pipeline.nodes.get('double')!)).toBeInstanceOf(Double);
});

it('it does not start when a node has no provider', () => {
  const nodes = (graph: PipelineGraph, data: Reference<string>) => {
    graph.node('length', Length, { text: data });
  };
  expect(() => start(nodes, [])).toThrow(/node "length" needs the provider Length\. Add it/);
});

it('it does not start when an input cannot take what it gets', () => {
  const nodes = (graph: PipelineGraph, data: Reference<string>) => {
    graph.node('double', Double, { value: data as unknown as Reference<number> });
  };
  expect(() => start(nodes)).toThrow(
    /node "double" cannot take what its input "value" gets: .*string/,
  );
});

it('it does not start when an input that is optional elsewhere may be null here', () => {
  const nodes = (graph: PipelineGraph, data: Reference<string>) => {
    const length = graph.node('length', Length, { text: data }, { onError: 'skip' });
    graph.node('double', Double, { value: length.orNull as unknown as Reference<number> });
  };
  expect(() => start(nodes)).toThrow(/"value" gets: .*null/);
});

it('it does not start when an input gets nothing, or is none', () => {
  const nothing = (graph: PipelineGraph) => void graph.node('double', Double, {} as never);
  expect(() => start(nothing)).toThrow(/gets nothing for its input "value"/);
  const odd = (graph: PipelineGraph, data: Reference<string>) => {
    graph.node('length', Length, { text: data, words: data } as never);
  };
  expect(() => start(odd)).toThrow(/has no input "words"/);
});

it('it does not start when a branch waits for a route that its router does not have', () => {
  const nodes = (graph: PipelineGraph, data: Reference<string>) => {
    const length = graph.node('length', Length, { text: data });
    const size = graph.router('size', Size, { value: length });
    graph.node('double', Double, { value: length }, { when: size.is('huge' as 'large') });
  };
  expect(() => start(nodes)).toThrow(/node "size" has no route "huge"/);
});
