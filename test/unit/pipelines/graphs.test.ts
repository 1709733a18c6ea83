import { describe, expect, it } from '@jest/globals';
import type { Type } from '@nestjs/common';
import { z } from 'zod';
import { defineEvent } from '../../../src/features/pipelines/event-type.js';
import { nextNodes, inputsOf, failedNode } from '../../../src/features/pipelines/next-nodes.js';
import type { NodeState, NodeStateName } from '../../../src/features/pipelines/node-states.js';
import {
  definePipeline,
  definedPipelines,
  indexNode,
  type Pipeline,
} from '../../../src/features/pipelines/pipeline-definition.js';
import { pipelineDrawing } from '../../../src/features/pipelines/pipeline-drawing.js';
import type { PipelineGraph, Reference } from '../../../src/features/pipelines/pipeline-graph.js';
import type { PipelineNode, RouterNode } from '../../../src/features/pipelines/pipeline-node.js';
import { misfit } from '../../../src/features/pipelines/schema-fit.js';

type Text = z.ZodObject<{ text: z.ZodString }>;
const Plain = class Plain {} as unknown as Type<PipelineNode<Text, z.ZodString>>;
const Router = class Router {} as unknown as Type<RouterNode<Text, 'a' | 'b'>>;
type OfError = z.ZodObject<{ error: z.ZodObject<{ code: z.ZodString; message: z.ZodString }> }>;
const Excuse = class Excuse {} as unknown as Type<PipelineNode<OfError, z.ZodString>>;

let made = 0;
function pipeline(nodes: (graph: PipelineGraph, data: Reference<string>) => void): Pipeline {
  const type = `graph_${++made}`;
  const event = defineEvent({ type, description: 'For a test.', data: z.string() });
  return definePipeline({ name: type, description: 'For a test.', event, nodes });
}

const at = (state: NodeStateName, more: Partial<NodeState> = {}): NodeState => ({
  state,
  output: state === 'DONE' ? 'out' : null,
  error: state === 'FAILED' ? { code: 'broken', message: 'It is broken.' } : null,
  failures: 0,
  taskId: null,
  retryAt: null,
  ...more,
});

function next(of: Pipeline, states: Record<string, NodeState>, now = 0) {
  const { ready, skipped } = nextNodes(of, new Map(Object.entries(states)), now, indexNode);
  const names = (nodes: typeof ready) => nodes.map(({ name }) => name);
  return { ready: names(ready), skipped: names(skipped) };
}

describe('a pipeline is refused', () => {
  const refused: [string, RegExp, (graph: PipelineGraph, data: Reference<string>) => void][] = [
    ['without nodes', /has no nodes/, () => {}],
    [
      'when its nodes wait for each other',
      /in a circle: one → two → three → one/,
      (graph, data) => {
        const one = graph.node('one', Plain, { text: data });
        const two = graph.node('two', Plain, { text: one });
        const three = graph.node('three', Plain, { text: two });
        graph.order(three, one);
      },
    ],
    [
      'when a node waits for itself',
      /in a circle: one → one/,
      (graph, data) => {
        const one = graph.node('one', Plain, { text: data });
        graph.order(one, one);
      },
    ],
    [
      'with two nodes of one name',
      /two nodes are named "one"/,
      (graph, data) => {
        graph.node('one', Plain, { text: data });
        graph.node('one', Plain, { text: data });
      },
    ],
    [
      'with the name of the index node',
      /two nodes are named "elasticsearch_index"/,
      (graph, data) => graph.node(indexNode, Plain, { text: data }),
    ],
    [
      'with an odd name',
      /is no name for a node/,
      (graph, data) => graph.node('One!', Plain, { text: data }),
    ],
    [
      'with a timeout above four minutes',
      /timeout of "one"/,
      (graph, data) => graph.node('one', Plain, { text: data }, { timeoutMs: 240_001 }),
    ],
    [
      'when a branch takes a failure that ends the run',
      /onError is not "branch"/,
      (graph, data) => {
        const one = graph.node('one', Plain, { text: data });
        graph.node('two', Plain, { text: data }, { when: one.failed });
      },
    ],
    [
      'when nobody takes the branch of a failure',
      /no node takes its failure/,
      (graph, data) => graph.node('one', Plain, { text: data }, { onError: 'branch' }),
    ],
    [
      'with a node of another pipeline',
      /names a node of the pipeline "graph_\d+"/,
      (graph) => {
        let stolen: Reference<string> | undefined;
        pipeline((other, data) => {
          stolen = other.node('one', Plain, { text: data });
        });
        graph.node('two', Plain, { text: stolen! });
      },
    ],
  ];
  it.each(refused)('%s', (_, why, nodes) => {
    const before = definedPipelines().length;
    expect(() => pipeline(nodes)).toThrow(why);
    expect(
      definedPipelines()
        .slice(before)
        .every(({ name }) => !why.test(name)),
    ).toBe(true);
  });

  it('with the name or the event of another one', () => {
    const { name, event } = pipeline((graph, data) => graph.node('one', Plain, { text: data }));
    const nodes = (graph: PipelineGraph, data: Reference<unknown>) =>
      void graph.node('one', Plain, { text: data as Reference<string> });
    const other = defineEvent({ type: 'graph_other', description: '', data: z.string() });
    expect(() => definePipeline({ name, description: '', event: other, nodes })).toThrow(
      /Two pipelines/,
    );
    const named = { name: 'graph_other', description: '', event, nodes };
    expect(() => definePipeline(named)).toThrow(/same type of event/);
  });

  it('and an event with an odd name, too', () => {
    const wrong = { type: 'No name', description: '', data: z.string() };
    expect(() => defineEvent(wrong)).toThrow(/no name for an event/);
  });
});

describe('the next nodes', () => {
  const diamond = pipeline((graph, data) => {
    const first = graph.node('first', Plain, { text: data });
    const route = graph.router('route', Router, { text: first });
    const a = graph.node('a', Plain, { text: first }, { when: route.is('a') });
    const b = graph.node('b', Plain, { text: first }, { when: route.is('b'), onError: 'branch' });
    graph.node('excuse', Excuse, { error: b.error });
    graph.node('last', Plain, { text: graph.first(a, b) });
  });

  it('are those that need only the event, and then those behind them', () => {
    expect(next(diamond, {})).toEqual({ ready: ['first'], skipped: [] });
    expect(next(diamond, { first: at('DONE') })).toEqual({ ready: ['route'], skipped: [] });
    const routed = { first: at('DONE'), route: at('DONE', { output: 'a' }) };
    expect(next(diamond, routed)).toEqual({ ready: ['a'], skipped: ['b'] });
    const skipped = { ...routed, a: at('DONE'), b: at('SKIPPED') };
    expect(next(diamond, skipped)).toEqual({ ready: ['last'], skipped: ['excuse'] });
  });

  it('are skipped when nothing comes to them', () => {
    const none = { first: at('DONE'), route: at('DONE', { output: 'b' }), a: at('SKIPPED') };
    expect(next(diamond, { ...none, b: at('FAILED') })).toEqual({
      ready: ['excuse'],
      skipped: ['last'],
    });
  });

  it('do not wait for anything but the index once a node has failed', () => {
    const failed = { first: at('FAILED'), route: at('RETRY', { retryAt: new Date(5) }) };
    expect(next(diamond, failed).skipped).toEqual(['route', 'a', 'b', 'excuse', 'last']);
    expect(failedNode(diamond, new Map(Object.entries(failed)))).toBe('first');
    const over = ['route', 'a', 'b', 'excuse', 'last'].map((name) => [name, at('SKIPPED')]);
    const states = { first: at('FAILED'), ...Object.fromEntries(over) };
    expect(next(diamond, states)).toEqual({ ready: [indexNode], skipped: [] });
  });

  it('run again when their time has come', () => {
    const waits = { first: at('RETRY', { retryAt: new Date(5) }) };
    expect(next(diamond, waits, 4)).toEqual({ ready: [], skipped: [] });
    expect(next(diamond, waits, 5)).toEqual({ ready: ['first'], skipped: [] });
    expect(next(diamond, { first: at('WAITING') }, 9)).toEqual({ ready: [], skipped: [] });
  });

  it('get the values that their inputs name', () => {
    const states = new Map(
      Object.entries({ b: at('FAILED'), a: at('DONE', { output: 'from a' }) }),
    );
    expect(inputsOf(diamond.nodes.get('first')!, states, 'data')).toEqual({ text: 'data' });
    expect(inputsOf(diamond.nodes.get('last')!, states, 'data')).toEqual({ text: 'from a' });
    const error = { code: 'broken', message: 'It is broken.' };
    expect(inputsOf(diamond.nodes.get('excuse')!, states, 'data')).toEqual({ error });
  });

  it('are drawn, with the state of each', () => {
    const plain = pipelineDrawing(diamond);
    expect(plain).toContain('n_route{"route"}');
    expect(plain).toContain('n_route -- a --> n_a');
    expect(plain).not.toContain('n_first --> n_elasticsearch_index');
    const states = new Map([
      ['first', at('DONE')],
      ['b', at('FAILED')],
    ]);
    const drawn = pipelineDrawing(diamond, states);
    expect(drawn).toMatch(/classDef done .*\n {2}class n_first done\n/);
    expect(drawn).toMatch(/class n_b failed\n/);
  });
});

describe('a schema', () => {
  const given = z.strictObject({ a: z.string(), b: z.int().optional(), c: z.enum(['x', 'y']) });
  const fits: [string, z.ZodType, z.ZodType][] = [
    ['itself', given, given],
    ['a part of it', given, z.object({ a: z.string() })],
    ['an integer as a number', z.int(), z.number()],
    ['anything as unknown', given, z.unknown()],
    [
      'a value that may be null, where null is allowed',
      z.string().nullable(),
      z.string().nullable(),
    ],
    ['some of the values', z.enum(['x']), z.enum(['x', 'y'])],
    ['lists of it', z.array(given), z.array(given)],
    ['one of several', z.string(), z.union([z.string(), z.int()])],
    ['a default instead of a missing field', given, z.object({ b: z.int().default(1) })],
  ];
  it.each(fits)('takes %s', (_, output, input) => {
    expect(misfit(output, input)).toBe(undefined);
  });

  const misfits: [string, z.ZodType, z.ZodType, RegExp][] = [
    ['another type', z.string(), z.int(), /type string/],
    ['null', z.string().nullable(), z.string(), /type null/],
    ['a field of another type', given, z.object({ a: z.int() }), /^a may be of type string/],
    ['a field that may be missing', given, z.object({ b: z.int() }), /^b may be missing/],
    ['a field that is missing', given, z.object({ d: z.int() }), /^d may be missing/],
    ['a field that it does not know', given, z.strictObject({ a: z.string() }), /no field (b|c)/],
    ['another value', z.enum(['x', 'z']), z.enum(['x', 'y']), /"z"/],
    ['any text as one of its values', z.string(), z.enum(['x']), /something else/],
    ['lists of something else', z.array(z.string()), z.array(z.int()), /it\[\]/],
    ['one of several that does not fit', z.union([z.string(), z.int()]), z.int(), /type string/],
  ];
  it.each(misfits)('does not take %s', (_, output, input, why) => {
    expect(misfit(output, input)).toMatch(why);
  });
});
