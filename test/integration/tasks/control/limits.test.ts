import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { InvalidLimitError } from '../../../../src/tasks/control/limit-input.js';
import { TaskLimits } from '../../../../src/tasks/control/task-limits.js';
import { defineTask } from '../../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../../src/tasks/task-handler.decorator.js';
import { onBothQueueEngines } from '../../../support/queue-engines.js';
import { openTaskLab } from '../../../support/task-lab.js';
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
  before(async () => {
    test = await openWorkers(engine, ['a', 'b'], { providers });
  });
  after(() => test.close());

  const definitions = { softTimeLimitMs: 540_000, hardTimeLimitMs: 600_000 };
  const defaultRate = { limit: 500, perMs: 1_000 };
  const rows = () => test.asker.database.query('SELECT * FROM task_limits');

  it('a time limit holds for the next task of every worker, and of one that starts later', async () => {
    const limits = { task: 'endless', softTimeLimitMs: 50, hardTimeLimitMs: 60 };
    assert.deepEqual(
      dataOf(await test.remote.control.timeLimit('endless', { softMs: 50, hardMs: 60 })),
      {
        a: { ...limits, rateLimit: defaultRate },
        b: { ...limits, rateLimit: defaultRate },
      },
    );
    const ends = async () => {
      const task = await test.asker.finished(await test.asker.send(endless, null));
      assert.deepEqual([task.state, task.error?.code], ['FAILURE', 'time_limit']);
      return task.worker;
    };
    await ends();
    for (const lab of test.workers.splice(0)) await lab.close();
    const late = await openTaskLab(engine, {
      providers,
      name: 'late',
      serve: ['normal_priority'],
      stores: test.asker.stores,
    });
    test.workers.push(late);
    assert.equal(await ends(), 'late');
  });

  it('null brings back the definition, and leaves no row', async () => {
    await test.remote.control.rateLimit('endless', '10/m');
    const soft = dataOf(
      await test.remote.control.timeLimit('endless', { softMs: null, hardMs: 200 }),
    );
    assert.deepEqual(soft['late'], {
      task: 'endless',
      softTimeLimitMs: 200,
      hardTimeLimitMs: 200,
      rateLimit: { limit: 10, perMs: 60_000 },
    });
    const none = { softMs: null, hardMs: null };
    dataOf(await test.remote.control.timeLimit('endless', none));
    assert.equal((await rows()).length, 1);
    assert.deepEqual(dataOf(await test.remote.control.rateLimit('endless', 'none')), {
      late: { task: 'endless', ...definitions, rateLimit: defaultRate },
    });
    assert.deepEqual(await rows(), []);
  });

  it('a worker that did not hear of it learns it from the rows', async () => {
    const limits = test.workers[0]!.get(TaskLimits);
    await test.asker.get(TaskLimits).setRate('endless', { limit: 3, perMs: 1_000 });
    assert.deepEqual(limits.rateLimit(endless), defaultRate);
    await limits.load();
    assert.deepEqual(limits.rateLimit(endless), { limit: 3, perMs: 1_000 });
    await test.remote.control.rateLimit('endless', null);
  });

  it('nonsense is refused before anything is stored; an unknown task by each worker', async () => {
    const { control } = test.remote;
    for (const rate of ['10/d', '-1', '0/m', 'fast', '']) {
      await assert.rejects(control.rateLimit('endless', rate), InvalidLimitError, rate);
    }
    for (const [softMs, hardMs] of [
      [2, 1],
      [0, 1],
      [null, Number.NaN],
      [null, 2 ** 31],
    ] as const) {
      await assert.rejects(control.timeLimit('endless', { softMs, hardMs }), InvalidLimitError);
    }
    assert.deepEqual(await rows(), []);
    const refused = errorsOf(await control.rateLimit('endles', '1/s'));
    assert.match(refused['late']!, /no task "endles"/);
    await control.rateLimit('endles', '0');
  });
});
