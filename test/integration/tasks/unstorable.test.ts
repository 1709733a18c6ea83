import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { chain, chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { InvalidPayloadError } from '../../../src/tasks/definitions/task-payload.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';
import { nested, unstorable } from '../../support/unstorable-values.js';

const keep = defineTask({
  name: 'keep_anything',
  queue: 'low_priority',
  payload: z.any(),
  result: z.any(),
  retry: { max: 0 },
});

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
  beforeAll(async () => {
    lab = await openTaskLab('postgres', { providers: [Keeper] });
  });
  afterAll(() => lab.close());
  const count = async () => (await lab.database.query('SELECT count(*)::int AS n FROM tasks'))[0].n;

  for (const [i, [what, make]] of unstorable.entries()) {
    it(`${what} is refused in a payload, before anything is stored`, async () => {
      const before = await count();
      await expect(lab.send(keep, make())).rejects.toThrow(InvalidPayloadError);
      await expect(async () => lab.sendCanvas(si(keep, make()))).rejects.toThrow(
        InvalidPayloadError,
      );
      await expect(async () =>
        lab.sendCanvas(chain(si(keep, 'a'), s(keep, 'b', { rest: make() }))),
      ).rejects.toThrow(InvalidPayloadError);
      expect(await count()).toBe(before);
    });

    it(`${what} as a result fails the task, whose error says so`, async () => {
      const task = await lab.finished(await lab.send(keep, i));
      expect([task.state, task.error?.code]).toEqual(['FAILURE', 'invalid_result']);
    });
  }

  for (const correlationId of ['a\u0000', 'a\ud800']) {
    it(`${JSON.stringify(correlationId)} is refused as a correlation id`, async () => {
      const sending = { correlationId };
      await expect(lab.send(keep, 'a', sending)).rejects.toThrow(RangeError);
      await expect(
        lab.client.sendCanvas(lab.database.manager, si(keep, 'a'), sending),
      ).rejects.toThrow(RangeError);
    });
  }

  it('the deepest allowed payload is kept, and so is one value in many places', async () => {
    const shared = { a: ['é', '💡'] };
    for (const payload of [nested(90), [shared, shared]]) {
      const task = await lab.finished(await lab.send(keep, payload));
      expect(task.result).toEqual(payload);
    }
  });

  it('a group, a chain and a chord take one list as well', async () => {
    const parts = [si(keep, 'a'), chain([si(keep, 'b'), s(keep)])];
    for (const canvas of [group(parts), chord(parts, s(keep))]) {
      const results = await lab.client.sendCanvas(lab.database.manager, canvas);
      expect(await results.get({ timeoutMs: 300_000 })).toEqual(['a', 'b']);
    }
  });

  it('a value that is not a signature is refused with a message', () => {
    expect(() => group(...([['x']] as never))).toThrow(/A group takes signatures/);
    expect(() => chain(keep as never)).toThrow(/A chain takes signatures/);
    for (const [header, body] of [
      [si(keep, 'a'), s(keep)],
      [undefined, s(keep)],
      [[si(keep, 'a')], undefined],
      [group(si(keep, 'a')), keep],
    ]) {
      expect(() => chord(header as never, body as never)).toThrow(
        /A chord takes a group or a list/,
      );
    }
    expect(() => chord(['x'] as never, s(keep) as never)).toThrow(/A group takes signatures/);
  });
});
