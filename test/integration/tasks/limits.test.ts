import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { SoftTimeLimitExceeded } from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
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
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers], serve: ['high_priority'] });
  });
  afterAll(() => lab.close());

  it('the soft limit fires the signal, and a handler that then throws is FAILURE', async () => {
    const task = await lab.finished(await lab.send(limited, 'obeys'));
    expect(task.state).toBe('FAILURE');
    expect(task.error?.code).toBe('time_limit');
    expect(task.attempt).toBe(1);
    expect(lab.get(Handlers).reasons.at(-1)).toBeInstanceOf(SoftTimeLimitExceeded);
  });

  it('a handler may still return a result after the soft limit', async () => {
    const task = await lab.finished(await lab.send(limited, 'makes_do'));
    expect(task.state).toBe('SUCCESS');
    expect(task.result).toBe('half of it');
  });

  it('the hard limit ends the task, whatever its handler does', async () => {
    const task = await lab.finished(await lab.send(limited, 'ignores'));
    expect(task.state).toBe('FAILURE');
    expect(task.error?.code).toBe('time_limit');
  });

  it('progress is visible while the task runs, and is gone afterwards', async () => {
    const id = await lab.send(reporting, null);
    const running = await eventually('progress', async () => {
      const task = await lab.task(id);
      return task.progress !== null && task;
    });
    expect(running.state).toBe('STARTED');
    expect(running.progress).toEqual({ percent: 40, step: 8, steps: 20, eta_seconds: 1.5 });
    lab.get(Handlers).letGo();
    expect((await lab.finished(id)).progress).toBe(null);
  });
});
