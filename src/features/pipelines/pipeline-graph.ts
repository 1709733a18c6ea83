import type { Type } from '@nestjs/common';
import type { z } from 'zod';
import type { Result, TaskDefinition } from '../../tasks/definitions/task-definition.js';
import type { RetryPolicy } from '../../tasks/definitions/retry-policy.js';
import type { AnyNode, NodeFailure, PipelineNode, RouterNode, TaskNode } from './pipeline-node.js';

/** Where a value comes from. */
export type Source =
  | { from: 'event' }
  /** The output of a node; what needs it is skipped when the node has none. */
  | { from: 'output'; node: string }
  /** The output of a node, or null. */
  | { from: 'optional'; node: string }
  /** Why a node failed; what needs it is skipped when it did not. */
  | { from: 'error'; node: string }
  /** Id of the task that a node has sent, or null. */
  | { from: 'task'; node: string }
  /** The output of the first of these nodes that has one: where branches join. */
  | { from: 'first'; nodes: string[] };

/** True when the router has chosen the route; with null: when the node has failed. */
export interface Condition {
  node: string;
  route: string | null;
}

/** What happens when a node fails: the run does, or only what needs the node is skipped, or `failed` goes on. */
export type OnError = 'fail' | 'skip' | 'branch';

export interface NodeOptions {
  /** Runs only when one of these is true. */
  when?: Condition | Condition[];
  /** Runs only when these are over, whichever way. */
  after?: Reference<unknown>[];
  retry?: Partial<RetryPolicy>;
  /** Milliseconds for one attempt, up to four minutes. */
  timeoutMs?: number;
  /** Default: `fail`. */
  onError?: OnError;
}

export interface NodeSpec {
  readonly name: string;
  readonly kind: 'node' | 'router' | 'task';
  readonly provider: Type<AnyNode>;
  readonly inputs: Readonly<Record<string, Source>>;
  readonly when: readonly Condition[];
  readonly after: string[];
  readonly retry: RetryPolicy;
  readonly timeoutMs: number;
  readonly onError: OnError;
  /** Of a router that has been asked for them. */
  readonly routes: string[];
}

/** A value of the graph that the inputs of nodes name. `T` is its type. */
export class Reference<T> {
  /** For the compiler alone. */
  declare readonly type: T;

  constructor(
    readonly graph: PipelineGraph,
    readonly source: Source,
  ) {}
}

/** A node, as the nodes behind it name it. */
export class NodeReference<O> extends Reference<O> {
  constructor(
    graph: PipelineGraph,
    readonly node: string,
  ) {
    super(graph, { from: 'output', node });
  }

  /** Its output, or null when it was skipped or has failed. */
  get orNull(): Reference<O | null> {
    return new Reference<O | null>(this.graph, { from: 'optional', node: this.node });
  }

  /** Why it failed, for a node that takes the branch `failed`. */
  get error(): Reference<NodeFailure> {
    return new Reference<NodeFailure>(this.graph, { from: 'error', node: this.node });
  }

  /** Id of the task that it has sent, whatever became of that; null when it has sent none. */
  get taskId(): Reference<string | null> {
    return new Reference<string | null>(this.graph, { from: 'task', node: this.node });
  }

  /** For `when`, of a node whose `onError` is `branch`. */
  get failed(): Condition {
    return { node: this.node, route: null };
  }
}

export class RouterReference<R extends string> extends NodeReference<R> {
  /** For `when`. */
  is(route: R): Condition {
    this.graph.ask(this.node, route);
    return { node: this.node, route };
  }
}

type Inputs<I> = { [K in keyof I]: Reference<I[K]> };

const defaultRetry: RetryPolicy = {
  max: 3,
  delayMs: 5_000,
  backoff: 'exponential',
  maxDelayMs: 300_000,
  jitter: 0.2,
};
/** The task has retries of its own. */
const taskRetry = { max: 0 };
const defaultTimeoutMs = 60_000;
/** Well below the soft limit of the task that runs the nodes. Milliseconds. */
export const longestTimeoutMs = 240_000;

/**
 * The nodes of a pipeline while it is declared. A node names what it takes from the nodes before it, so the order of the
 * nodes follows from their inputs, and the compiler checks each input against the output that it comes from.
 */
export class PipelineGraph {
  readonly nodes = new Map<string, NodeSpec>();

  constructor(readonly pipeline: string) {}

  node<I extends z.ZodObject, O extends z.ZodType>(
    name: string,
    provider: Type<PipelineNode<I, O>>,
    inputs: Inputs<z.input<I>>,
    options: NodeOptions = {},
  ): NodeReference<z.output<O>> {
    this.add('node', name, provider, inputs, options);
    return new NodeReference<z.output<O>>(this, name);
  }

  router<I extends z.ZodObject, R extends string>(
    name: string,
    provider: Type<RouterNode<I, R>>,
    inputs: Inputs<z.input<I>>,
    options: NodeOptions = {},
  ): RouterReference<R> {
    this.add('router', name, provider, inputs, options);
    return new RouterReference<R>(this, name);
  }

  task<I extends z.ZodObject, D extends TaskDefinition>(
    name: string,
    provider: Type<TaskNode<I> & { task: D }>,
    inputs: Inputs<z.input<I>>,
    options: NodeOptions = {},
  ): NodeReference<Result<D>> {
    this.add('task', name, provider, inputs, {
      ...options,
      retry: { ...taskRetry, ...options.retry },
    });
    return new NodeReference<Result<D>>(this, name);
  }

  /** The output of the first of these nodes that has one. */
  first<T>(...nodes: NodeReference<T>[]): Reference<T> {
    for (const node of nodes) this.own(node);
    return new Reference<T>(this, { from: 'first', nodes: nodes.map(({ node }) => node) });
  }

  /** `then` runs only when `first` is over, though it takes nothing from it. @throws Error at once when it is no node of this graph */
  order(first: NodeReference<unknown>, then: NodeReference<unknown>): void {
    this.own(first);
    this.own(then);
    this.nodes.get(then.node)!.after.push(first.node);
  }

  /** Notes that a route is used. */
  ask(router: string, route: string): void {
    this.nodes.get(router)!.routes.push(route);
  }

  private add(
    kind: NodeSpec['kind'],
    name: string,
    provider: Type<AnyNode>,
    inputs: Record<string, Reference<unknown>>,
    options: NodeOptions,
  ): void {
    const {
      when = [],
      after = [],
      retry,
      timeoutMs = defaultTimeoutMs,
      onError = 'fail',
    } = options;
    if (!/^[a-z][a-z0-9_]{0,49}$/.test(name)) {
      throw this.problem(`"${name}" is no name for a node: use small letters, digits and _`);
    }
    if (this.nodes.has(name)) throw this.problem(`two nodes are named "${name}"`);
    if (!(timeoutMs > 0 && timeoutMs <= longestTimeoutMs)) {
      throw this.problem(`the timeout of "${name}" is not between 0 and ${longestTimeoutMs} ms`);
    }
    for (const reference of [...Object.values(inputs), ...after]) this.own(reference);
    this.nodes.set(name, {
      name,
      kind,
      provider,
      inputs: Object.fromEntries(
        Object.entries(inputs).map(([field, { source }]) => [field, source]),
      ),
      when: [when].flat(),
      after: after.flatMap(({ source }) => nodesOf(source)),
      retry: { ...defaultRetry, ...retry },
      timeoutMs,
      onError,
      routes: [],
    });
  }

  private own(reference: Reference<unknown>): void {
    if (reference.graph !== this) {
      throw this.problem(`it names a node of the pipeline "${reference.graph.pipeline}"`);
    }
  }

  private problem(what: string): Error {
    return new Error(`Pipeline "${this.pipeline}": ${what}.`);
  }
}

/** The nodes that a value comes from. */
export function nodesOf(source: Source): string[] {
  if (source.from === 'event') return [];
  return source.from === 'first' ? source.nodes : [source.node];
}

/** The nodes that must be over before this one begins. */
export function nodesBefore({ inputs, when, after }: NodeSpec): string[] {
  const all = [
    ...Object.values(inputs).flatMap(nodesOf),
    ...when.map(({ node }) => node),
    ...after,
  ];
  return [...new Set(all)];
}
