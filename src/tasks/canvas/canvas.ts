import type { Json } from '../../common/json.js';
import type { QueueName } from '../queues.js';
import type { RetryPolicy, TaskDefinition } from '../task-definition.js';
import type { TaskErrorReport } from '../task-errors.js';

/** What a sender may decide for one task, whatever its definition says. */
export interface NodeOptions {
  /** Another queue than the definition's. */
  queue?: QueueName;
  /** 0 (first) … 9 (last). */
  priority?: number;
  /** Milliseconds to wait (`countdown`); for a later step, once it is its turn. */
  delayMs?: number;
  /** Earliest moment to run (`eta`). Not together with `delayMs`. */
  runAt?: Date;
  /**
   * Milliseconds after which a task that has not started is REVOKED (`expired`); for a later step,
   * counted from its turn.
   */
  expiresInMs?: number;
  retry?: Partial<RetryPolicy>;
  softTimeLimitMs?: number;
  hardTimeLimitMs?: number;
}

/** Sent when a task has ended, each once, in the transaction that ends it. */
export interface Callbacks {
  success: CanvasNode[];
  failure: CanvasNode[];
}

export type LeafNode = {
  kind: 'task' | 'map';
  definition: TaskDefinition;
  /** `map`: a list of payloads. */
  payload: Json;
  /** Field that takes the result of the step before; `''`: that is the payload; null: none does. */
  inputKey: string | null;
} & Decorated;
export type InnerNode = { kind: 'chain' | 'group' | 'chord'; children: CanvasNode[] } & Decorated;
export type CanvasNode = LeafNode | InnerNode;

interface Decorated {
  options: NodeOptions;
  callbacks: Callbacks;
}

declare const input: unique symbol;
declare const output: unique symbol;

/**
 * Work that was described and not sent yet: a signature, or a chain, group or chord of them, nested
 * to any depth. Immutable, so one may be a part of many.
 *
 * `I` is what it takes from the step before it, `O` the result it gives to the next.
 */
export class Canvas<in I, out O> {
  declare readonly [input]: (value: I) => void;
  declare readonly [output]: () => O;

  constructor(readonly node: CanvasNode) {}

  /**
   * The same work with these options, for each task in it that has none of its own.
   *
   * `delayMs`, `runAt` and `expiresInMs` belong to one task: a chain hands them to its first step, a
   * group to all its parts.
   */
  set(options: NodeOptions): this {
    return this.with({ ...this.node, options: { ...this.node.options, ...options } });
  }

  /** Also sends `callback` with the result, when it has SUCCESS. */
  link(callback: Canvas<O, unknown>): this {
    const { callbacks } = this.node;
    const success = [...callbacks.success, callback.node];
    return this.with({ ...this.node, callbacks: { ...callbacks, success } });
  }

  /** Also sends `callback` with the error, when it is FAILURE for good. Not when it is REVOKED. */
  linkError(callback: Canvas<TaskErrorReport, unknown>): this {
    const { callbacks } = this.node;
    const failure = [...callbacks.failure, callback.node];
    return this.with({ ...this.node, callbacks: { ...callbacks, failure } });
  }

  private with(node: CanvasNode): this {
    return new (this.constructor as new (node: CanvasNode) => this)(node);
  }
}

/** Parts that run at the same time; its result is theirs, in order. */
export class GroupCanvas<in I, out O extends readonly unknown[]> extends Canvas<I, O> {}

/** Any work: `never` is what fits every input. */
export type AnyCanvas = Canvas<never, unknown>;
export type InputOf<C> = C extends Canvas<infer I, unknown> ? I : never;
export type OutputOf<C> = C extends Canvas<never, infer O> ? O : never;
