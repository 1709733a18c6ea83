import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Canvas } from '../../../src/tasks/canvas/canvas.js';
import type { SentOptions } from '../../../src/tasks/definitions/sent-options.js';
import { maxDepth, planCanvas } from '../../../src/tasks/canvas/canvas-plan.js';
import { rowsOfCanvas } from '../../../src/tasks/canvas/canvas-rows.js';
import { chain, chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { InvalidPayloadError } from '../../../src/tasks/definitions/task-payload.js';
import type { PlannedNode } from '../../../src/tasks/ledger/planned-node.js';

const one = defineTask({
  name: 'plan_one',
  queue: 'normal_priority',
  payload: z.int(),
  result: z.int(),
});
const many = defineTask({
  name: 'plan_many',
  queue: 'normal_priority',
  payload: z.array(z.int()),
  result: z.int(),
});
type Work = Canvas<unknown, number>;

const root = '01890000-0000-7000-8000-0000000000aa';
const sender = { ownerId: null, ownerLimit: null, correlationId: null, waiterId: null };
const rowsOf = (canvas: Work | Canvas<unknown, unknown>) =>
  rowsOfCanvas(planCanvas(canvas.node), root, sender).rows;

/** Leaves in the order they were written in. */
function leaves(node: PlannedNode): PlannedNode[] {
  return node.children.length === 0 ? [node] : node.children.flatMap(leaves);
}
const planned = <K extends keyof PlannedNode>(canvas: Canvas<unknown, unknown>, key: K) =>
  leaves(planCanvas(canvas.node)).map((leaf) => leaf[key]);

/** A task with so many chains, groups and chords around it, in turn. */
function nested(depth: number): Work {
  let canvas: Work = si(one, 0);
  for (let i = 0; i < depth; i++) {
    if (i % 3 === 0) canvas = chain(canvas, s(one));
    else if (i % 3 === 1) canvas = chain(group(canvas, si(one, i)), s(many));
    else canvas = chord(group(canvas), s(many));
  }
  return canvas;
}

describe('a large canvas', () => {
  it('has a ready row for each part of a group of 10,000, in order', () => {
    const parts = Array.from({ length: 10_000 }, (_, i) => si(one, i));
    const [chordRow, groupRow, ...rest] = rowsOf(chord(group(...parts), s(many)));
    const body = rest.pop()!;
    expect([chordRow!.kind, groupRow!.openChildren, body.blocked]).toEqual(['chord', 10_000, true]);
    expect(rest.length).toBe(10_000);
    expect(rest.every((row, i) => row.position === i && row.payload === i && !row.blocked)).toBe(
      true,
    );
    expect(new Set(rest.map((row) => row.id)).size).toBe(10_000);
  });

  it('has only the first step of a chain of 10,000 ready', () => {
    const steps = Array.from({ length: 9_999 }, () => s(one));
    const [, ...rows] = rowsOf(chain(si(one, 0), chain(...steps)));
    expect(rows.filter((row) => !row.blocked).map((row) => row.payload)).toEqual([0]);
  });

  it('can nest 200 deep, with one task that can start', () => {
    const rows = rowsOf(nested(200));
    const ready = rows.filter((row) => !row.blocked).map((row) => row.payload);
    expect(ready[0]).toBe(0);
    const known = new Set([root]);
    for (const { id, parentId } of rows.slice(1)) {
      expect(known.has(parentId!)).toBe(true);
      known.add(id);
    }
  });

  it(`cannot nest deeper than ${maxDepth}, and the error says so`, () => {
    let deep = si(one, 0);
    for (let i = 0; i < maxDepth; i++) deep = chain(deep);
    expect(rowsOf(deep).length).toBe(maxDepth + 1);
    expect(() => planCanvas(chain(deep).node)).toThrow(
      expect.objectContaining({
        name: 'RangeError',
        message: expect.stringMatching(/nested more than 1000 deep/),
      }),
    );
  });

  it('counts callbacks of callbacks as levels', () => {
    let called = s(one);
    for (let i = 0; i <= maxDepth; i++) called = s(one).link(called);
    expect(() => planCanvas(called.node)).toThrow(/nested more than 1000 deep/);
  });
});

describe('options of a chain, group or chord', () => {
  const steps = () => chain(si(one, 1), group(s(one), s(one)), s(many));

  it('include a queue and priority that reach every task in it', () => {
    const all = steps().set({ queue: 'low_priority', priority: 2 });
    expect(planned(all, 'queue')).toEqual(Array(4).fill('low_priority'));
    expect(planned(all, 'priority')).toEqual([2, 2, 2, 2]);
  });

  it('include limits and retries that reach every task too', () => {
    const own = { retry: { max: 1 }, softTimeLimitMs: 1, hardTimeLimitMs: 2 };
    for (const overrides of planned(steps().set(own), 'overrides')) expect(overrides).toEqual(own);
  });

  it('include a delay and an expiry for the first step, or for all parts of a group', () => {
    const times = { delayMs: 5, expiresInMs: 7 };
    expect(planned(steps().set(times), 'delayMs')).toEqual([5, 0, 0, 0]);
    expect(planned(steps().set(times), 'expiresInMs')).toEqual([7, null, null, null]);
    const parts = group(si(one, 1), chain(si(one, 2), s(one)));
    expect(planned(parts.set(times), 'delayMs')).toEqual([5, 5, 0]);
    expect(planned(chord(parts, s(many)).set(times), 'delayMs')).toEqual([5, 5, 0, 0]);
  });

  it("are overridden by the node's own options", () => {
    const canvas = chain(si(one, 1).set({ delayMs: 1, priority: 1 }), s(one)).set({
      delayMs: 5,
      priority: 9,
    });
    expect(planned(canvas, 'delayMs')).toEqual([1, 0]);
    expect(planned(canvas, 'priority')).toEqual([1, 9]);
  });

  it("are overridden by a node's own start time or delay", () => {
    const runAt = new Date('2030-01-01T00:00:00.000Z');
    const moment = group(si(one, 1).set({ runAt }), si(one, 2)).set({ delayMs: 5 });
    expect(planned(moment, 'runAt')).toEqual([runAt.toISOString(), null]);
    expect(planned(moment, 'delayMs')).toEqual([0, 5]);
    const wait = group(si(one, 1).set({ delayMs: 5 }), si(one, 2)).set({ runAt });
    expect(planned(wait, 'runAt')).toEqual([null, runAt.toISOString()]);
    expect(planned(wait, 'delayMs')).toEqual([5, 0]);
  });

  const wrong: SentOptions[] = [
    { priority: 10 },
    { delayMs: -1 },
    { delayMs: Number.NaN },
    { delayMs: 1, runAt: new Date() },
    { runAt: new Date('nonsense') },
    { expiresInMs: Number.POSITIVE_INFINITY },
    { hardTimeLimitMs: 2 ** 31 },
    { softTimeLimitMs: 0 },
    { softTimeLimitMs: 2, hardTimeLimitMs: 1 },
    { retry: { max: -1 } },
    { retry: { max: Number.POSITIVE_INFINITY } },
    { retry: { delayMs: Number.NaN } },
    { retry: { maxDelayMs: -1 } },
    { retry: { jitter: 2 } },
  ];
  for (const options of wrong) {
    it(`may not be ${JSON.stringify(options)}, wherever they are`, () => {
      const leaf = si(one, 1).set(options);
      const places = [
        leaf,
        chain(si(one, 1), s(one)).set(options),
        chain(si(one, 1), group(leaf)),
        chord(group(si(one, 1)), s(many).set(options)),
        si(one, 1).link(chain(s(one), group(s(one).set(options)))),
      ];
      for (const { node } of places) expect(() => planCanvas(node)).toThrow(RangeError);
    });
  }
});

it('a wrong payload is refused wherever it is', () => {
  const wrong = si(one, 'no' as unknown as number);
  const places = [
    chain(si(one, 1), group(si(one, 1), chain(si(one, 1), wrong))),
    chord(group(si(one, 1)), wrong),
    si(one, 1).linkError(chain(si(one, 1), wrong)),
  ];
  for (const { node } of places) expect(() => planCanvas(node)).toThrow(InvalidPayloadError);
});
