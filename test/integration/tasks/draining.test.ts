import { once } from 'node:events';
import { afterEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { WorkerStopping } from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const job = defineTask({
  name: 'job',
  queue: 'normal_priority',
  payload: z.enum(['ends_in_time', 'stops_when_asked', 'never_ends']),
  result: z.string(),
});

@Injectable()
class Handlers {
  readonly reasons: unknown[] = [];
  end = () => {};

  @HandlesTask(job)
  async run(how: z.output<typeof job.payload>, { signal, attempt }: TaskContext) {
    if (attempt > 1) return 'by the second worker';
    if (how === 'never_ends') return new Promise<string>(() => {});
    if (how === 'ends_in_time') {
      await new Promise<void>((resolve) => (this.end = resolve));
      return 'by the first worker';
    }
    await once(signal, 'abort');
    this.reasons.push(signal.reason);
    throw signal.reason;
  }
}

onBothQueueEngines('draining a worker', (engine) => {
  const open: TaskLab[] = [];
  const lab = async (stores?: TaskLab['stores']) => {
    const opened = await openTaskLab(engine, {
      providers: [Handlers],
      serve: ['normal_priority'],
      ...(stores && { stores }),
    });
    open.push(opened);
    return opened;
  };
  afterEach(async () => {
    for (const opened of open.splice(0).toReversed()) await opened.close();
  });

  it('lets a running task end within the grace period, and takes no other', async () => {
    const first = await lab();
    const id = await first.send(job, 'ends_in_time');
    await first.reaches(id, 'STARTED');
    const drained = first.workers.drain(20_000);
    const late = await first.send(job, 'stops_when_asked');
    first.get(Handlers).end();
    await drained;
    const task = await first.task(id);
    expect(task.state).toBe('SUCCESS');
    expect(task.result).toBe('by the first worker');
    expect((await first.task(late)).attempt).toBe(0);
  });

  for (const how of ['stops_when_asked', 'never_ends'] as const) {
    it(`hands back what ${how.replaceAll('_', ' ')}, unharmed`, async () => {
      const first = await lab();
      const id = await first.send(job, how);
      await first.reaches(id, 'STARTED');
      await first.workers.drain(50);
      expect((await first.task(id)).state).toBe('PENDING');
      if (how === 'stops_when_asked') {
        expect(first.get(Handlers).reasons.at(-1)).toBeInstanceOf(WorkerStopping);
      }
      const second = await lab(first.stores);
      const task = await second.finished(id);
      expect(task.result).toBe('by the second worker');
      expect([task.attempt, task.retries, task.crashes]).toEqual([2, 0, 0]);
    });
  }
});
