import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { TaskContext } from '../../../src/tasks/task-context.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { SoftTimeLimitExceeded } from '../../../src/tasks/task-errors.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
import { eventually } from '../../support/eventually.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const limited = defineTask({
  name: 'limited',
  queue: 'high_priority',
  payload: z.enum(['obeys', 'makes_do', 'ignores']),
  result: z.string(),
  softTimeLimitMs: 50,
  hardTimeLimitMs: 150,
});
const reporting = defineTask({
  name: 'reporting',
  queue: 'high_priority',
  payload: z.null(),
  result: z.null(),
});

@Injectable()
class Handlers {
  readonly reasons: unknown[] = [];
  letGo = () => {};

  @HandlesTask(limited)
  async limited(how: z.output<typeof limited.payload>, { signal }: TaskContext) {
    if (how === 'ignores') return new Promise<string>(() => {});
    await once(signal, 'abort');
    this.reasons.push(signal.reason);
    if (how === 'obeys') throw signal.reason;
    return 'half of it';
  }

  @HandlesTask(reporting)
  async reporting(_: null, context: TaskContext) {
    context.progress({ percent: 40, step: 8, steps: 20, eta_seconds: 1.5 });
    await new Promise<void>((resolve) => (this.letGo = resolve));
    return null;
  }
}

onBothQueueEngines('time limits and progress', (engine) => {
  let lab: TaskLab;
  before(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers], serve: ['high_priority'] });
  });
  after(() => lab.close());

  it('the soft limit fires the signal; a handler that stops makes a FAILURE', async () => {
    const task = await lab.finished(await lab.send(limited, 'obeys'));
    assert.equal(task.state, 'FAILURE');
    assert.equal(task.error?.code, 'time_limit');
    assert.equal(task.attempt, 1);
    assert.ok(lab.get(Handlers).reasons.at(-1) instanceof SoftTimeLimitExceeded);
  });

  it('a handler may still answer after the soft limit', async () => {
    const task = await lab.finished(await lab.send(limited, 'makes_do'));
    assert.equal(task.state, 'SUCCESS');
    assert.equal(task.result, 'half of it');
  });

  it('the hard limit ends the task, whatever its handler does', async () => {
    const task = await lab.finished(await lab.send(limited, 'ignores'));
    assert.equal(task.state, 'FAILURE');
    assert.equal(task.error?.code, 'time_limit');
  });

  it('progress shows while the task runs, and is gone after it', async () => {
    const id = await lab.send(reporting, null);
    const running = await eventually('progress', async () => {
      const task = await lab.task(id);
      return task.progress !== null && task;
    });
    assert.equal(running.state, 'STARTED');
    assert.deepEqual(running.progress, { percent: 40, step: 8, steps: 20, eta_seconds: 1.5 });
    lab.get(Handlers).letGo();
    assert.equal((await lab.finished(id)).progress, null);
  });
});
