import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
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
import { completeWith, type TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import {
  PermanentTaskError,
  TaskFailedError,
  taskErrorReport,
} from '../../../src/tasks/definitions/task-errors.js';
import type { TaskErrorReport } from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const pair = z.strictObject({ a: z.number(), b: z.number() });
const add = defineTask({
  name: 'add',
  queue: 'normal_priority',
  payload: pair,
  result: z.number(),
});
const sum = defineTask({
  name: 'sum',
  queue: 'high_priority',
  payload: z.array(z.number()),
  result: z.number(),
});
const broken = defineTask({
  name: 'broken',
  queue: 'low_priority',
  payload: z.unknown(),
  result: z.number(),
});
const note = defineTask({
  name: 'note',
  queue: 'low_priority',
  payload: z.number(),
  result: z.null(),
});
const blame = defineTask({
  name: 'blame',
  queue: 'low_priority',
  payload: taskErrorReport,
  result: z.null(),
});
const split = defineTask({
  name: 'split',
  queue: 'normal_priority',
  payload: z.int(),
  result: z.uuid(),
});

const text = defineTask({
  name: 'text',
  queue: 'normal_priority',
  payload: z.int(),
  result: z.string(),
});
const lengths = defineTask({
  name: 'lengths',
  queue: 'normal_priority',
  payload: z.array(z.string()),
  result: z.array(z.number()),
});
const half = 2 * 1024 * 1024;
const long = (length: number) => si(text, length);

@Injectable()
class Handlers {
  readonly notes: number[] = [];
  readonly reports: TaskErrorReport[] = [];

  constructor(private readonly tasks: TaskClient) {}

  @HandlesTask(add)
  async add({ a, b }: z.output<typeof pair>) {
    return a + b;
  }

  @HandlesTask(sum)
  async sum(numbers: number[]) {
    return numbers.reduce((total, n) => total + n, 0);
  }

  @HandlesTask(broken)
  async broken(): Promise<number> {
    throw new PermanentTaskError('out_of_order', 'It is broken.');
  }

  @HandlesTask(note)
  async note(n: number) {
    this.notes.push(n);
    return null;
  }

  @HandlesTask(blame)
  async blame(report: TaskErrorReport) {
    this.reports.push(report);
    return null;
  }

  @HandlesTask(text)
  async text(length: number) {
    return 'x'.repeat(length);
  }

  @HandlesTask(lengths)
  async lengths(texts: string[]) {
    return texts.map((item) => item.length);
  }

  @HandlesTask(split)
  async split(n: number, _context: TaskContext) {
    const parts = Array.from({ length: n }, (_, i) => si(add, { a: i, b: 1 }));
    return completeWith(async (tx) => {
      return (await this.tasks.sendCanvas(tx, chord(group(...parts), s(sum)))).id;
    });
  }
}

onBothQueueEngines('canvas', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, {
      providers: [Handlers],
      settings: { workerConcurrency: 10 },
    });
  });
  afterAll(() => lab.close());
  const patience = { timeoutMs: 300_000 };
  const nodes = async (root: string) =>
    lab.database.query(
      `SELECT name, state, error->>'code' AS code FROM tasks WHERE canvas_id = $1 ORDER BY id`,
      [root],
    );

  it('a chain hands each result to the next step', async () => {
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      chain(si(add, { a: 1, b: 2 }), s(add, 'a', { b: 10 }), s(add, 'b', { a: 100 })),
    );
    const result: number | null = await sent.get(patience);
    expect(result).toBe(113);
  });

  it('a group gives the results of its parts, in order', async () => {
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      group(si(add, { a: 1, b: 2 }), si(sum, [4, 5]), si(add, { a: 3, b: 4 })),
    );
    expect(await sent.get(patience)).toEqual([3, 9, 7]);
    expect(await sent.completedCount()).toBe(3);
    const parts = await sent.parts();
    expect(await parts[1]!.get()).toBe(9);
  });

  it('an empty group is over at once, even in a chain', async () => {
    const { manager } = lab.database;
    expect(await (await lab.client.sendCanvas(manager, group())).get(patience)).toEqual([]);
    const none = chord(group(...[1].slice(1).map((n) => si(add, { a: n, b: n }))), s(sum));
    expect(await (await lab.client.sendCanvas(manager, none)).get(patience)).toBe(0);
    const inChain = chain(si(sum, [1]), group(), s(sum));
    expect(await (await lab.client.sendCanvas(manager, inChain)).get(patience)).toBe(0);
  });

  it('nests: a chord of chains in a chain', async () => {
    const branch = (n: number) => chain(s(add, 'a', { b: n }), s(add, 'b', { a: n }));
    const canvas = chain(
      si(add, { a: 1, b: 1 }),
      chord(group(branch(1), branch(2), group(s(add, 'a', { b: 0 }))), si(sum, [7])),
      s(add, 'a', { b: 1 }),
      group(s(add, 'a', { b: 1 }), chain(s(add, 'a', { b: 2 }), s(add, 'a', { b: 2 }))),
    );
    const sent = await lab.client.sendCanvas(lab.database.manager, canvas);
    expect(await sent.get(patience)).toEqual([9, 12]);
  });

  it('an immutable signature ignores what came before', async () => {
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      chain(si(sum, [1]), si(add, { a: 2, b: 2 })),
    );
    expect(await sent.get(patience)).toBe(4);
  });

  it('map, starmap and chunks run a task for each item', async () => {
    const { manager } = lab.database;
    const pairs = [1, 2, 3].map((n) => ({ a: n, b: n }));
    const mapped = await lab.client.sendCanvas(manager, map(add, pairs));
    expect(await mapped.get(patience)).toEqual([2, 4, 6]);
    const tuples = starmap(
      add,
      ['a', 'b'],
      [
        [1, 2],
        [3, 4],
      ],
    );
    const starred = await lab.client.sendCanvas(manager, tuples);
    expect(await starred.get(patience)).toEqual([3, 7]);
    const chunked = await lab.client.sendCanvas(manager, chunks(add, pairs, 2));
    expect(await chunked.get(patience)).toEqual([[2, 4], [6]]);
    expect((await chunked.parts()).length).toBe(2);
  });

  it('is made inside a handler, in the transaction that ends it', async () => {
    const outer = lab.client.result(await lab.send(split, 20), split);
    const inner = lab.client.result((await outer.get(patience))!, sum);
    expect(await inner.get(patience)).toBe(210);
  });

  describe('failures', () => {
    it('stop a chain, whose later steps are REVOKED', async () => {
      const id = await lab.sendCanvas(
        chain(si(add, { a: 1, b: 2 }), s(broken), s(add, 'a', { b: 1 }), s(note)),
      );
      const root = await lab.finished(id);
      expect(root.state).toBe('FAILURE');
      expect(root.error?.code).toBe('out_of_order');
      expect(await nodes(id)).toEqual([
        { name: 'chain', state: 'FAILURE', code: 'out_of_order' },
        { name: 'add', state: 'SUCCESS', code: null },
        { name: 'broken', state: 'FAILURE', code: 'out_of_order' },
        { name: 'add', state: 'REVOKED', code: 'chain_stopped' },
        { name: 'note', state: 'REVOKED', code: 'chain_stopped' },
      ]);
    });

    it('fail the body of a chord, which names the part', async () => {
      const sent = await lab.client.sendCanvas(
        lab.database.manager,
        chord(group(si(add, { a: 1, b: 2 }), si(broken, null), si(add, { a: 3, b: 4 })), s(sum)),
      );
      const error: unknown = await sent.get(patience).catch((thrown: unknown) => thrown);
      assert.ok(error instanceof TaskFailedError);
      expect(error.failure.code).toBe('chord_error');
      const failed = await lab.task(error.failure.task_id!);
      expect(failed.name).toBe('broken');
      expect(error.message).toMatch(
        /Part 2 of the group, task .* \(broken\), failed: It is broken/,
      );
      const states = (await nodes(sent.id)).map((node: { state: string }) => node.state);
      expect(states).toEqual(['FAILURE', 'FAILURE', 'SUCCESS', 'FAILURE', 'SUCCESS', 'FAILURE']);
    });

    it('include results of a group above 4 MiB of JSON; its body then never runs', async () => {
      const { length } = JSON.stringify(['x'.repeat(half)]);
      const fits = [long(half), long(4 * 1024 * 1024 - length - 3)];
      const whole = await lab.client.sendCanvas(lab.database.manager, group(...fits));
      expect((await whole.get(patience))?.length).toBe(2);
      for (const inChain of [false, true]) {
        const header = group(long(half), long(half));
        const canvas = inChain ? chain(header, s(lengths), s(sum)) : chord(header, s(lengths));
        const id = await lab.sendCanvas(canvas);
        const root = await lab.finished(id);
        expect([root.state, root.error?.code, root.error?.retryable]).toEqual([
          'FAILURE',
          'results_too_large',
          false,
        ]);
        const found = await nodes(id);
        const states = found.map(({ name, state, code }: Record<string, string>) => [
          name,
          state,
          code,
        ]);
        expect(states.slice(0, 5)).toEqual([
          [inChain ? 'chain' : 'chord', 'FAILURE', 'results_too_large'],
          ['group', 'FAILURE', 'results_too_large'],
          ['text', 'SUCCESS', null],
          ['text', 'SUCCESS', null],
          ['lengths', 'FAILURE', 'results_too_large'],
        ]);
      }
    });

    it('call linkError once, and never call link', async () => {
      const handlers = lab.get(Handlers);
      const id = await lab.sendCanvas(
        chain(si(add, { a: 1, b: 2 }), s(broken).linkError(s(blame)).link(s(note)))
          .linkError(s(blame))
          .link(s(note)),
      );
      await lab.finished(id);
      const callbacks = await lab.database.query(
        `SELECT id FROM tasks WHERE name IN ('blame', 'note') AND canvas_id = $1`,
        [id],
      );
      expect(callbacks.length).toBe(2);
      for (const callback of callbacks) await lab.finished(callback.id);
      const reports = handlers.reports.splice(0);
      expect(reports.map((report) => report.name).toSorted()).toEqual(['broken', 'chain']);
      expect(reports.every((report) => report.error.code === 'out_of_order')).toBe(true);
      expect(handlers.notes).toEqual([]);
    });
  });

  it('link calls back with the result, once', async () => {
    const handlers = lab.get(Handlers);
    const id = await lab.send(
      add,
      { a: 20, b: 1 },
      {
        link: s(note),
        linkError: s(blame),
      },
    );
    await lab.finished(id);
    const [callback] = await lab.database.query(`SELECT id FROM tasks WHERE parent_id = $1`, [id]);
    await lab.finished(callback.id);
    expect(handlers.notes.splice(0)).toEqual([21]);
    expect(handlers.reports).toEqual([]);
  });

  it('a chain of 200 steps runs to its end', async () => {
    const steps = Array.from({ length: 199 }, () => s(add, 'a', { b: 1 }));
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      chain(si(add, { a: 0, b: 1 }), chain(...steps)),
    );
    expect(await sent.get({ timeoutMs: 300_000 })).toBe(200);
  });

  it('a group of 1,000 parts gives all results', async () => {
    const parts = Array.from({ length: 1_000 }, (_, i) => si(add, { a: i, b: 0 }));
    const sent = await lab.client.sendCanvas(lab.database.manager, chord(group(...parts), s(sum)));
    expect(await sent.get({ timeoutMs: 300_000 })).toBe(499_500);
  });
});
