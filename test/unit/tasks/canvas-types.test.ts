import { expect, it } from '@jest/globals';
import { z } from 'zod';
import type { Canvas } from '../../../src/tasks/canvas/canvas.js';
import {
  chain,
  chord,
  chunks,
  group,
  map,
  s,
  si,
  starmap,
} from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { taskErrorReport } from '../../../src/tasks/definitions/task-errors.js';

const add = defineTask({
  name: 'types_add',
  queue: 'normal_priority',
  payload: z.strictObject({ a: z.number(), b: z.number() }),
  result: z.number(),
});
const square = defineTask({
  name: 'types_square',
  queue: 'normal_priority',
  payload: z.number(),
  result: z.number(),
});
const sum = defineTask({
  name: 'types_sum',
  queue: 'normal_priority',
  payload: z.array(z.number()),
  result: z.number(),
});
const say = defineTask({
  name: 'types_say',
  queue: 'normal_priority',
  payload: z.string(),
  result: z.string(),
});
const report = defineTask({
  name: 'types_report',
  queue: 'normal_priority',
  payload: taskErrorReport,
  result: z.null(),
});

/** Compiles only when `canvas` gives exactly such a result and needs no input. */
function gives<T>(canvas: Canvas<undefined, T>): Canvas<undefined, T> {
  return canvas;
}

it('a step that does not fit the one before it does not compile', () => {
  const canvases = [
    gives<number>(chain(si(add, { a: 1, b: 2 }), s(square), s(add, 'a', { b: 1 }))),
    gives<number>(chord(group(si(square, 2), si(square, 3)), s(sum))),
    gives<number>(chord([si(square, 2), si(square, 3)], s(sum))),
    gives<number>(chain(si(square, 2), chord([s(square), s(add, 'b', { a: 1 })], s(sum)))),
    gives<[number, string]>(group(si(square, 2), si(say, 'x'))),
    gives<number>(chain(si(square, 2), chord(group(s(square), s(add, 'b', { a: 1 })), s(sum)))),
    gives<number>(chain(group(si(square, 2)), s(sum))),
    gives<number>(chain(...[2, 3].map((n) => si(square, n)))),
    gives<number[]>(map(square, [1, 2])),
    gives<number[]>(starmap(add, ['a', 'b'], [[1, 2]])),
    gives<number[][]>(chunks(square, [1, 2, 3], 2)),
    gives<string>(chain(si(square, 2), si(say, 'whatever was before'))),
    gives<number>(si(square, 2).link(s(square)).linkError(s(report))),
    gives<number>(chord(group(...[1, 2].map((n) => si(square, n))), s(sum))),
  ];
  expect(canvases.length).toBe(14);

  // @ts-expect-error the payload has another shape
  si(add, { a: 1, c: 2 });
  // @ts-expect-error a number is no string
  chain(si(square, 2), s(say));
  // @ts-expect-error the third step does not take a string
  chain(si(square, 2), si(say, 'x'), s(square));
  // @ts-expect-error results of the header are numbers, the body takes a string
  chord(group(si(square, 2)), s(say));
  // @ts-expect-error nor when the header is a list
  chord([si(square, 2)], s(say));
  // @ts-expect-error one of the parts does not take a number
  chain(si(square, 2), group(s(square), s(say)));
  // @ts-expect-error the first step waits for a number that nobody gives
  gives<number>(s(square));
  // @ts-expect-error no such field
  s(add, 'c', { a: 1, b: 1 });
  // @ts-expect-error a callback gets the result, a number
  si(square, 2).link(s(say));
  // @ts-expect-error an error callback gets a report
  si(square, 2).linkError(s(square));
  // @ts-expect-error tuples have the types of the fields
  starmap(add, ['a', 'b'], [[1, 'x']]);
});
