import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { chain, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { InvalidPayloadError } from '../../../src/tasks/task-payload.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const keep = defineTask({
  name: 'keep_anything',
  queue: 'low_priority',
  payload: z.any(),
  result: z.any(),
  retry: { max: 0 },
});

function nested(levels: number): unknown {
  let value: unknown = 'bottom';
  for (let level = 0; level < levels; level++) value = [value];
  return value;
}

function cycle(): unknown {
  const self: { again?: unknown } = {};
  self.again = self;
  return self;
}

const unstorable: [string, () => unknown][] = [
  ['half of a surrogate pair', () => 'cut \ud83d'],
  ['half of a surrogate pair in a key', () => ({ '\udc00': 1 })],
  ['a NUL', () => ({ text: ['a\u0000b'] })],
  ['3,000 levels', () => nested(3_000)],
  ['a cycle', cycle],
  ['a BigInt', () => ({ n: 1n })],
];

@Injectable()
class Keeper {
  /** A number chooses what is given back. */
  @HandlesTask(keep)
  async handle(payload: unknown) {
    return typeof payload === 'number' ? unstorable[payload]![1]() : payload;
  }
}

describe('values that neither JSON nor Postgres can keep', () => {
  let lab: TaskLab;
  before(async () => {
    lab = await openTaskLab('postgres', { providers: [Keeper] });
  });
  after(() => lab.close());
  const count = async () => (await lab.database.query('SELECT count(*)::int AS n FROM tasks'))[0].n;

  for (const [i, [what, make]] of unstorable.entries()) {
    it(`${what}: refused in a payload, before anything is stored`, async () => {
      const before = await count();
      await assert.rejects(lab.send(keep, make()), InvalidPayloadError);
      await assert.rejects(async () => lab.sendCanvas(si(keep, make())), InvalidPayloadError);
      await assert.rejects(
        async () => lab.sendCanvas(chain(si(keep, 'a'), s(keep, 'b', { rest: make() }))),
        InvalidPayloadError,
      );
      assert.equal(await count(), before);
    });

    it(`${what}: as a result it fails the task, which says so`, async () => {
      const task = await lab.finished(await lab.send(keep, i));
      assert.deepEqual([task.state, task.error?.code], ['FAILURE', 'invalid_result']);
    });
  }

  it('the deepest payload that fits, and one value in many places, are kept', async () => {
    const shared = { a: ['é', '💡'] };
    for (const payload of [nested(90), [shared, shared]]) {
      const task = await lab.finished(await lab.send(keep, payload));
      assert.deepEqual(task.result, payload);
    }
  });

  it('a group and a chain take one list as well', async () => {
    const results = await lab.client.sendCanvas(
      lab.database.manager,
      group([si(keep, 'a'), chain([si(keep, 'b'), s(keep)])]),
    );
    assert.deepEqual(await results.get({ timeoutMs: 20_000 }), ['a', 'b']);
  });

  it('what is no signature is refused with a sentence', () => {
    assert.throws(() => group(...([['x']] as never)), /A group takes signatures/);
    assert.throws(() => chain(keep as never), /A chain takes signatures/);
  });
});
