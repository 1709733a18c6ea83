import type { Json } from '../../common/json.js';
import type { PayloadInput, Result, TaskDefinition } from '../definitions/task-definition.js';
import {
  Canvas,
  GroupCanvas,
  type AnyCanvas,
  type CanvasNode,
  type InnerNode,
  type LeafNode,
  type OutputOf,
} from './canvas.js';

/**
 * A signature, Celery's `s`. `s(task)` takes the result of the previous step as its payload;
 * `s(task, 'field', rest)` takes it as one field of the payload, beside the fields in `rest`.
 */
export function s<D extends TaskDefinition>(definition: D): Canvas<PayloadInput<D>, Result<D>>;
export function s<D extends TaskDefinition, K extends keyof PayloadInput<D> & string>(
  definition: D,
  field: K,
  rest: Omit<PayloadInput<D>, K>,
): Canvas<PayloadInput<D>[K], Result<D>>;
export function s(definition: TaskDefinition, field = '', rest: object | null = null) {
  return leaf({ kind: 'task', definition, payload: rest as Json, inputKey: field });
}

/** An immutable signature, Celery's `si`: its payload is complete and the previous result is ignored. */
export function si<D extends TaskDefinition>(
  definition: D,
  payload: PayloadInput<D>,
): Canvas<unknown, Result<D>> {
  return leaf({ kind: 'task', definition, payload: payload as Json, inputKey: null });
}

/** One task that runs its handler for each payload in turn. It succeeds or fails as a whole. */
export function map<D extends TaskDefinition>(
  definition: D,
  payloads: PayloadInput<D>[],
): Canvas<unknown, Result<D>[]> {
  return leaf({ kind: 'map', definition, payload: payloads as Json[], inputKey: null });
}

/** {@link map} over tuples: `starmap(add, ['a', 'b'], [[1, 2], [3, 4]])`. */
export function starmap<
  D extends TaskDefinition,
  const K extends readonly (keyof PayloadInput<D> & string)[],
>(
  definition: D,
  fields: K,
  tuples: { [I in keyof K]: PayloadInput<D>[K[I]] }[],
): Canvas<unknown, Result<D>[]> {
  const payloads = tuples.map((tuple) =>
    Object.fromEntries(fields.map((field, i) => [field, tuple[i]])),
  );
  return map(definition, payloads as PayloadInput<D>[]);
}

/** A group of {@link map} tasks with `size` payloads each; the last one may have fewer. @throws RangeError */
export function chunks<D extends TaskDefinition>(
  definition: D,
  payloads: PayloadInput<D>[],
  size: number,
): GroupCanvas<unknown, Result<D>[][]> {
  if (!Number.isInteger(size) || size < 1)
    throw new RangeError(`size is ${size}; it must be a whole number from 1`);
  const parts = Array.from({ length: Math.ceil(payloads.length / size) }, (_, i) =>
    map(definition, payloads.slice(i * size, (i + 1) * size)),
  );
  return group(...parts);
}

/** Steps that run one after the other; each takes the result of the previous one. A failure stops the chain. */
export function chain<const T extends readonly AnyCanvas[]>(
  ...steps: T & Steps<T>
): Canvas<FirstInput<T>, LastOutput<T>>;
export function chain<const T extends readonly AnyCanvas[]>(
  steps: T & Steps<T>,
): Canvas<FirstInput<T>, LastOutput<T>>;
export function chain(...given: (AnyCanvas | readonly AnyCanvas[])[]) {
  const steps = partsOf('chain', given);
  if (steps.length === 0) throw new RangeError('A chain needs at least one step.');
  return new Canvas(inner('chain', steps));
}

/** Parts that run at the same time. Every part runs, even if others fail. */
export function group<const T extends readonly AnyCanvas[]>(
  ...parts: T
): GroupCanvas<CommonInput<T>, Outputs<T>>;
export function group<const T extends readonly AnyCanvas[]>(
  parts: T,
): GroupCanvas<CommonInput<T>, Outputs<T>>;
export function group(...given: (AnyCanvas | readonly AnyCanvas[])[]) {
  return new GroupCanvas(inner('group', partsOf('group', given)));
}

/**
 * A group (or a list of its parts), followed by `body`, which takes the results of the parts in order. If a part
 * fails, the body does not run: once all parts have ended, it becomes FAILURE with `chord_error`, which names the part.
 */
export function chord<I, O extends readonly unknown[], R>(
  header: GroupCanvas<I, O>,
  body: Canvas<O, R>,
): Canvas<I, R>;
export function chord<const T extends readonly AnyCanvas[], R>(
  header: T,
  body: Canvas<Outputs<T>, R>,
): Canvas<CommonInput<T>, R>;
export function chord(header: AnyCanvas | readonly AnyCanvas[], body: AnyCanvas) {
  const parts = Array.isArray(header) ? group(header as AnyCanvas[]) : header;
  if (!(parts instanceof GroupCanvas && body instanceof Canvas)) {
    throw new TypeError(
      'A chord takes a group or a list of signatures, and then one signature as its body.',
    );
  }
  return new Canvas(inner('chord', [parts, body]));
}

/** Accepts parts one by one or as one list. @throws TypeError for anything else */
function partsOf(
  kind: 'chain' | 'group',
  given: (AnyCanvas | readonly AnyCanvas[])[],
): readonly AnyCanvas[] {
  const parts = given.length === 1 && Array.isArray(given[0]) ? (given[0] as AnyCanvas[]) : given;
  for (const part of parts) {
    if (part instanceof Canvas) continue;
    throw new TypeError(
      `A ${kind} takes signatures, such as s(task) or si(task, payload), one by one or as one list.`,
    );
  }
  return parts as AnyCanvas[];
}

function leaf<I, O>(node: Omit<LeafNode, 'options' | 'callbacks'>): Canvas<I, O> {
  return new Canvas<I, O>({ ...node, options: {}, callbacks: { success: [], failure: [] } });
}

function inner(kind: InnerNode['kind'], parts: readonly { node: CanvasNode }[]): InnerNode {
  const children = parts.map((part) => part.node);
  return { kind, children, options: {}, callbacks: { success: [], failure: [] } };
}

/** Each step must accept the result of the previous one. */
type Steps<T extends readonly AnyCanvas[]> = number extends T['length']
  ? readonly Canvas<OutputOf<T[number]>, unknown>[]
  : T extends readonly [infer H, ...infer R]
    ? readonly [H, ...Following<R, OutputOf<H>>]
    : readonly [];
type Following<T, O> = T extends readonly [infer H, ...infer R]
  ? readonly [Canvas<O, OutputOf<H>>, ...Following<R, OutputOf<H>>]
  : readonly [];
type FirstInput<T extends readonly AnyCanvas[]> = T extends readonly [infer H, ...unknown[]]
  ? CommonInput<[H]>
  : CommonInput<T>;
type LastOutput<T extends readonly AnyCanvas[]> = T extends readonly [...unknown[], infer L]
  ? OutputOf<L>
  : OutputOf<T[number]>;
/** What all parts accept: the intersection of their inputs. */
type CommonInput<T extends readonly unknown[]> =
  T[number] extends Canvas<infer I, unknown> ? I : never;
type Outputs<T extends readonly AnyCanvas[]> = { -readonly [K in keyof T]: OutputOf<T[K]> };
