import type { Json } from '../../common/json.js';
import type { SentOptions } from '../definitions/sent-options.js';
import type { TaskDefinition } from '../definitions/task-definition.js';
import type { TaskErrorReport } from '../definitions/task-errors.js';

/** Canvases that are sent when a task ends, each once, in the transaction that ends the task. */
export interface Callbacks {
  success: CanvasNode[];
  failure: CanvasNode[];
}

export type LeafNode = {
  kind: 'task' | 'map';
  definition: TaskDefinition;
  /** `map`: a list of payloads. */
  payload: Json;
  /** The field that takes the result of the previous step. `''`: the whole payload; null: the result is ignored. */
  inputKey: string | null;
} & Decorated;
export type InnerNode = { kind: 'chain' | 'group' | 'chord'; children: CanvasNode[] } & Decorated;
export type CanvasNode = LeafNode | InnerNode;

interface Decorated {
  options: SentOptions;
  callbacks: Callbacks;
}

declare const input: unique symbol;
declare const output: unique symbol;

/**
 * A canvas, as Celery calls it, describes work that has not been sent yet: a signature (one task with its
 * payload), or a chain, group or chord of signatures, nested to any depth. It is immutable, so it can be used in
 * several others.
 *
 * `I` is the type that it takes from the previous step, `O` the type of its result.
 */
export class Canvas<in I, out O> {
  declare readonly [input]: (value: I) => void;
  declare readonly [output]: () => O;

  constructor(readonly node: CanvasNode) {}

  /**
   * A copy with these options. They apply to each task in it that does not set them itself.
   *
   * `delayMs`, `runAt` and `expiresInMs` apply to single tasks: a chain passes them to its first step, a group to
   * all its parts.
   */
  set(options: SentOptions): this {
    return this.with({ ...this.node, options: { ...this.node.options, ...options } });
  }

  /** A copy that also sends `callback` with the result when it is SUCCESS. */
  link(callback: Canvas<O, unknown>): this {
    const { callbacks } = this.node;
    const success = [...callbacks.success, callback.node];
    return this.with({ ...this.node, callbacks: { ...callbacks, success } });
  }

  /** A copy that also sends `callback` with the error when it is FAILURE. Nothing is sent when it is REVOKED. */
  linkError(callback: Canvas<TaskErrorReport, unknown>): this {
    const { callbacks } = this.node;
    const failure = [...callbacks.failure, callback.node];
    return this.with({ ...this.node, callbacks: { ...callbacks, failure } });
  }

  private with(node: CanvasNode): this {
    return new (this.constructor as new (node: CanvasNode) => this)(node);
  }
}

/** A canvas of parts that run at the same time. Its result is the list of their results, in order. */
export class GroupCanvas<in I, out O extends readonly unknown[]> extends Canvas<I, O> {}

/** Any canvas: `never` is assignable to every input. */
export type AnyCanvas = Canvas<never, unknown>;
export type InputOf<C> = C extends Canvas<infer I, unknown> ? I : never;
export type OutputOf<C> = C extends Canvas<never, infer O> ? O : never;
