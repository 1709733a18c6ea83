import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { InvalidLimitError } from '../../../../src/tasks/control/limit-input.js';
import { TaskLimits } from '../../../../src/tasks/limits/task-limits.js';
import { defineTask } from '../../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../../src/tasks/definitions/task-handler.decorator.js';
import { onBothQueueEngines } from '../../../support/on-both-queue-engines.js';
import {
  dataOf,
  errorsOf,
  openWorkers,
  type TestWorkers,
} from '../../../support/workers-of-a-test.js';

const endless = defineTask({
  name: 'endless',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.null(),
  rateLimit: { limit: 500, perMs: 1_000 },
});

@Injectable()
class Handlers {
  @HandlesTask(endless)
  async run() {
    return new Promise<null>(() => {});
  }
}

onBothQueueEngines('limits changed at run time', (engine) => {
  const providers = [Handlers];
  let test: TestWorkers;
  beforeAll(async () => {
    test = await openWorkers(engine, ['a', 'b'], { providers });
  });
  afterAll(() => test.close());

  const definitions = { softTimeLimitMs: 540_000, hardTimeLimitMs: 600_000 };
  const defaultRate = { limit: 500, perMs: 1_000 };
  const rows = () => test.asker.database.query('SELECT * FROM task_limits');

  it('a time limit applies to the next task of every worker, and of a worker that starts later', async () => {
    const limits = { task: 'endless', softTimeLimitMs: 50, hardTimeLimitMs: 60 };
    expect(
      dataOf(await test.remote.control.timeLimit('endless', { softMs: 50, hardMs: 60 })),
    ).toEqual({
      a: { ...limits, rateLimit: defaultRate },
      b: { ...limits, rateLimit: defaultRate },
    });
    const ends = async () => {
      const task = await test.asker.finished(await test.asker.send(endless, null));
      expect([task.state, task.error?.code]).toEqual(['FAILURE', 'time_limit']);
      return task.worker;
    };
    await ends();
    for (const lab of test.workers.splice(0)) await lab.close();
    await test.add('late');
    expect(await ends()).toBe('late');
  });

  it('null restores the definition, and leaves no row', async () => {
    await test.remote.control.rateLimit('endless', '10/m');
    const soft = dataOf(
      await test.remote.control.timeLimit('endless', { softMs: null, hardMs: 200 }),
    );
    expect(soft['late']).toEqual({
      task: 'endless',
      softTimeLimitMs: 200,
      hardTimeLimitMs: 200,
      rateLimit: { limit: 10, perMs: 60_000 },
    });
    const none = { softMs: null, hardMs: null };
    dataOf(await test.remote.control.timeLimit('endless', none));
    expect((await rows()).length).toBe(1);
    expect(dataOf(await test.remote.control.rateLimit('endless', 'none'))).toEqual({
      late: { task: 'endless', ...definitions, rateLimit: defaultRate },
    });
    expect(await rows()).toEqual([]);
  });

  it('a worker that missed the message reads the limit from the rows', async () => {
    const limits = test.workers[0]!.get(TaskLimits);
    await test.asker.get(TaskLimits).setRate('endless', { limit: 3, perMs: 1_000 });
    expect(limits.rateLimit(endless)).toEqual(defaultRate);
    await limits.load();
    expect(limits.rateLimit(endless)).toEqual({ limit: 3, perMs: 1_000 });
    await test.remote.control.rateLimit('endless', null);
  });

  it('an invalid limit is refused before anything is stored, and each worker refuses an unknown task', async () => {
    const { control } = test.remote;
    for (const rate of ['10/d', '-1', '0/m', 'fast', '']) {
      await expect(control.rateLimit('endless', rate)).rejects.toThrow(InvalidLimitError);
    }
    for (const [softMs, hardMs] of [
      [2, 1],
      [0, 1],
      [null, Number.NaN],
      [null, 2 ** 31],
    ] as const) {
      await expect(control.timeLimit('endless', { softMs, hardMs })).rejects.toThrow(
        InvalidLimitError,
      );
    }
    expect(await rows()).toEqual([]);
    const refused = errorsOf(await control.rateLimit('endles', '1/s'));
    expect(refused['late']!).toMatch(/no task "endles"/);
    await control.rateLimit('endles', '0');
  });
});
