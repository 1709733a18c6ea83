import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { InvalidPayloadError } from '../../../src/tasks/definitions/task-payload.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const double = defineTask({
  name: 'double',
  queue: 'normal_priority',
  payload: z.number(),
  result: z.number(),
});
const single = defineTask({
  name: 'single',
  queue: 'low_priority',
  payload: z.string(),
  result: z.string(),
  once: { key: (text) => text, ttlMs: 60_000 },
});

@Injectable()
class Handlers {
  @HandlesTask(double)
  async double(n: number) {
    return n * 2;
  }

  @HandlesTask(single)
  async single(text: string) {
    return text;
  }
}

onBothQueueEngines('many tasks sent at once', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers], serve: ['normal_priority'] });
  });
  afterAll(() => lab.close());
  const count = async () => {
    const [{ n }] = await lab.database.query('SELECT count(*)::int AS n FROM tasks');
    return n as number;
  };
  const sends = Array.from({ length: 250 }, (_, n) => ({ payload: n }));

  it('run, and each has its own handle, in order', async () => {
    const sent = await lab.client.sendMany(lab.database.manager, double, sends);
    const results = await Promise.all(sent.map((task) => task.get({ timeoutMs: 120_000 })));
    expect(results).toEqual(sends.map(({ payload }) => payload * 2));
  });

  it('have their own options', async () => {
    const owner = '01890000-0000-7000-8000-000000000001';
    const [first, second] = await lab.client.sendMany(lab.database.manager, double, [
      { payload: 1, options: { priority: 9, ownerId: owner, delayMs: 60_000 } },
      { payload: 2, options: { queue: 'low_priority' } },
    ]);
    expect(await lab.task(first!.id)).toMatchObject({ priority: 9, ownerId: owner });
    expect(await lab.task(second!.id)).toMatchObject({ priority: 5, queue: 'low_priority' });
  });

  it('are stored all or none', async () => {
    const before = await count();
    const wrong = [...sends, { payload: 'x' as never }];
    const sending = lab.client.sendMany(lab.database.manager, double, wrong);
    await expect(sending).rejects.toThrow(InvalidPayloadError);
    const rolledBack = lab.database.transaction(async (tx) => {
      await lab.client.sendMany(tx, double, sends);
      throw new Error('changed my mind');
    });
    await expect(rolledBack).rejects.toThrow('changed my mind');
    expect(await count()).toBe(before);
    expect(await lab.client.sendMany(lab.database.manager, double, [])).toEqual([]);
  });

  it('share the task that has their key', async () => {
    const texts = ['a', 'b', 'a', 'a'].map((payload) => ({ payload }));
    const ids = (await lab.client.sendMany(lab.database.manager, single, texts)).map(
      ({ id }) => id,
    );
    expect([ids[2], ids[3], new Set(ids).size]).toEqual([ids[0], ids[0], 2]);
  });
});
