import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { Canvas, type NodeOptions } from '../../../src/tasks/canvas/canvas.js';
import { maxDepth, planCanvas, type PlannedNode } from '../../../src/tasks/canvas/canvas-plan.js';
import { rowsOfCanvas } from '../../../src/tasks/canvas/canvas-rows.js';
import { chain, chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { InvalidPayloadError } from '../../../src/tasks/task-payload.js';

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
const sender = { ownerId: null, correlationId: null };
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
  it('a group of 10,000 has a row for each part, in order, all of them ready', () => {
    const parts = Array.from({ length: 10_000 }, (_, i) => si(one, i));
    const [chordRow, groupRow, ...rest] = rowsOf(chord(group(...parts), s(many)));
    const body = rest.pop()!;
    assert.deepEqual(
      [chordRow!.kind, groupRow!.openChildren, body.blocked],
      ['chord', 10_000, true],
    );
    assert.equal(rest.length, 10_000);
    assert.ok(rest.every((row, i) => row.position === i && row.payload === i && !row.blocked));
    assert.equal(new Set(rest.map((row) => row.id)).size, 10_000);
  });

  it('of a chain of 10,000 the first step alone is ready', () => {
    const steps = Array.from({ length: 9_999 }, () => s(one));
    const [, ...rows] = rowsOf(chain(si(one, 0), chain(...steps)));
    assert.deepEqual(
      rows.filter((row) => !row.blocked).map((row) => row.payload),
      [0],
    );
  });

  it('nests 200 deep: one task can start', () => {
    const rows = rowsOf(nested(200));
    const ready = rows.filter((row) => !row.blocked).map((row) => row.payload);
    assert.equal(ready[0], 0);
    const known = new Set([root]);
    for (const { id, parentId } of rows.slice(1)) {
      assert.ok(known.has(parentId!), 'parents come before their children');
      known.add(id);
    }
  });

  it(`nests ${maxDepth} deep at most, and says so`, () => {
    let deep = si(one, 0);
    for (let i = 0; i < maxDepth; i++) deep = chain(deep);
    assert.equal(rowsOf(deep).length, maxDepth + 1);
    assert.throws(() => planCanvas(chain(deep).node), {
      name: 'RangeError',
      message: /nested more than 1000 deep/,
    });
  });

  it('callbacks of callbacks count as levels', () => {
    let called = s(one);
    for (let i = 0; i <= maxDepth; i++) called = s(one).link(called);
    assert.throws(() => planCanvas(called.node), /nested more than 1000 deep/);
  });
});

describe('options of a chain, group or chord', () => {
  const steps = () => chain(si(one, 1), group(s(one), s(one)), s(many));

  it('queue and priority reach every task in it', () => {
    const all = steps().set({ queue: 'low_priority', priority: 2 });
    assert.deepEqual(planned(all, 'queue'), Array(4).fill('low_priority'));
    assert.deepEqual(planned(all, 'priority'), [2, 2, 2, 2]);
  });

  it('limits and retries too', () => {
    const own = { retry: { max: 1 }, softTimeLimitMs: 1, hardTimeLimitMs: 2 };
    for (const overrides of planned(steps().set(own), 'overrides'))
      assert.deepEqual(overrides, own);
  });

  it('a wait and an expiry are for the first step, or for all parts of a group', () => {
    const times = { delayMs: 5, expiresInMs: 7 };
    assert.deepEqual(planned(steps().set(times), 'delayMs'), [5, 0, 0, 0]);
    assert.deepEqual(planned(steps().set(times), 'expiresInMs'), [7, null, null, null]);
    const parts = group(si(one, 1), chain(si(one, 2), s(one)));
    assert.deepEqual(planned(parts.set(times), 'delayMs'), [5, 5, 0]);
    assert.deepEqual(planned(chord(parts, s(many)).set(times), 'delayMs'), [5, 5, 0, 0]);
  });

  it('what a node says itself wins', () => {
    const canvas = chain(si(one, 1).set({ delayMs: 1, priority: 1 }), s(one)).set({
      delayMs: 5,
      priority: 9,
    });
    assert.deepEqual(planned(canvas, 'delayMs'), [1, 0]);
    assert.deepEqual(planned(canvas, 'priority'), [1, 9]);
  });

  it('a moment of its own wins against a wait from above, and a wait against a moment', () => {
    const runAt = new Date('2030-01-01T00:00:00.000Z');
    const moment = group(si(one, 1).set({ runAt }), si(one, 2)).set({ delayMs: 5 });
    assert.deepEqual(planned(moment, 'runAt'), [runAt.toISOString(), null]);
    assert.deepEqual(planned(moment, 'delayMs'), [0, 5]);
    const wait = group(si(one, 1).set({ delayMs: 5 }), si(one, 2)).set({ runAt });
    assert.deepEqual(planned(wait, 'runAt'), [null, runAt.toISOString()]);
    assert.deepEqual(planned(wait, 'delayMs'), [5, 0]);
  });

  const wrong: NodeOptions[] = [
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
    it(`refuses ${JSON.stringify(options)} wherever it is`, () => {
      const leaf = si(one, 1).set(options);
      const places = [
        leaf,
        chain(si(one, 1), s(one)).set(options),
        chain(si(one, 1), group(leaf)),
        chord(group(si(one, 1)), s(many).set(options)),
        si(one, 1).link(chain(s(one), group(s(one).set(options)))),
      ];
      for (const { node } of places) assert.throws(() => planCanvas(node), RangeError);
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
  for (const { node } of places) assert.throws(() => planCanvas(node), InvalidPayloadError);
});
