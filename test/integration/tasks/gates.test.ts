import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { Snooze } from '../../../src/tasks/definitions/task-errors.js';
import { PutOffTasks } from '../../../src/tasks/operations/put-off-tasks.js';
import { TaskGates, type TaskGate } from '../../../src/tasks/workers/task-gates.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const gated = defineTask({
  name: 'gated',
  queue: 'high_priority',
  payload: z.int(),
  result: z.int(),
});
const napping = defineTask({
  name: 'napping',
  queue: 'high_priority',
  payload: z.null(),
  result: z.int(),
});
const sleeping = defineTask({
  name: 'sleeping',
  queue: 'high_priority',
  payload: z.null(),
  result: z.int(),
});
const free = defineTask({
  name: 'free',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.null(),
});

const ran: number[] = [];

@Injectable()
class Handlers {
  @HandlesTask(gated)
  async gated(n: number) {
    ran.push(n);
    return n;
  }

  @HandlesTask(napping)
  async nap(_: null, { attempt }: TaskContext) {
    if (attempt > 1) return attempt;
    throw new Snooze(1, { code: 'away', message: 'Nobody is there.', patienceMs: 3_600_000 });
  }

  @HandlesTask(sleeping)
  async sleep(_: null, { attempt }: TaskContext) {
    if (attempt > 1) return attempt;
    throw new Snooze(3_600_000, { code: 'away', message: 'It is away.', patienceMs: 86_400_000 });
  }

  @HandlesTask(free)
  async free() {
    return null;
  }
}

onBothQueueEngines('a shut gate', (engine) => {
  let lab: TaskLab;
  let gate: TaskGate;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers], settings: { workerConcurrency: 1 } });
    gate = lab.get(TaskGates, { strict: false }).of(gated);
  });
  afterEach(() => gate.open('test'));
  afterAll(() => lab.close());

  const held = (id: string) =>
    eventually(`${id} is held`, async () => {
      const job = await lab.hints.of('high_priority').getJob(id);
      return (await job?.isActive()) === true;
    });

  it('keeps its tasks waiting unclaimed, in order, while others run', async () => {
    gate.shut('test');
    ran.length = 0;
    const first = await lab.send(gated, 0);
    await held(first);
    const ids = [first];
    for (let n = 1; n <= 10; n++) ids.push(await lab.send(gated, n));
    expect((await lab.finished(await lab.send(free, null))).state).toBe('SUCCESS');
    for (const id of ids) {
      const { state, attempt } = await lab.task(id);
      expect([state, attempt]).toEqual(['PENDING', 0]);
    }
    gate.open('test');
    for (const id of ids) {
      const { state, attempt } = await lab.finished(id);
      expect([state, attempt]).toEqual(['SUCCESS', 1]);
    }
    expect(ran).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('opens only when it is opened for each reason', () => {
    gate.shut('test');
    gate.shut('other');
    gate.open('test');
    expect(gate.isShut).toBe(true);
    gate.open('other');
    expect(gate.isShut).toBe(false);
  });

  it('hands back its tasks when its worker stops taking tasks', async () => {
    gate.shut('test');
    const id = await lab.send(gated, 1);
    await held(id);
    const other = await openTaskLab(engine, {
      providers: [Handlers],
      stores: lab.stores,
      serve: [],
    });
    try {
      await lab.workers.drain(60_000);
      other.workers.start(['high_priority'], { name: 'other' });
      expect((await lab.finished(id)).state).toBe('SUCCESS');
    } finally {
      await other.close();
    }
  });
});

onBothQueueEngines('a snoozed attempt', (engine) => {
  it('is counted as put off, and runs at once when it is woken', async () => {
    const lab = await openTaskLab(engine, { providers: [Handlers] });
    try {
      const putOff = lab.get(PutOffTasks, { strict: false });
      expect(await putOff.count(sleeping)).toEqual({ tasks: 0, since: null });
      const ids = [await lab.send(sleeping, null), await lab.send(sleeping, null)];
      await eventually('both are put off', async () => (await putOff.count(sleeping)).tasks === 2);
      expect((await putOff.count(sleeping)).since).toBeInstanceOf(Date);
      expect(await putOff.wake(napping)).toBe(0);
      expect(await putOff.wake(sleeping)).toBe(2);
      for (const id of ids) {
        const { state, attempt, retries } = await lab.finished(id);
        expect([state, attempt, retries]).toEqual(['SUCCESS', 2, 0]);
      }
      expect((await putOff.count(sleeping)).tasks).toBe(0);
    } finally {
      await lab.close();
    }
  });

  it('is reported to the gate of its task', async () => {
    const lab = await openTaskLab(engine, { providers: [Handlers] });
    try {
      let snoozed = 0;
      lab
        .get(TaskGates, { strict: false })
        .of(napping)
        .onSnooze(() => snoozed++);
      const task = await lab.finished(await lab.send(napping, null));
      expect([task.state, task.attempt, snoozed]).toEqual(['SUCCESS', 2, 1]);
    } finally {
      await lab.close();
    }
  });
});
