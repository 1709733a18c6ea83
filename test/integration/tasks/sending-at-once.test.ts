import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const anything = defineTask({
  name: 'anything',
  queue: 'low_priority',
  payload: z.json(),
  result: z.null(),
});

class Anything {
  @HandlesTask(anything)
  async handle(): Promise<null> {
    return null;
  }
}

/** Outside a transaction, tasks that are sent at once share a statement. */
describe('tasks sent at once', () => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab('postgres', { providers: [Anything], serve: [] });
  });
  afterAll(() => lab.close());

  it('are all stored as they are', async () => {
    const payloads = [null, 'null', 0, '', 'ü "quoted" \\', [], { a: [null] }, true];
    const ids = await Promise.all(payloads.map((payload) => lab.send(anything, payload)));
    const tasks = await Promise.all(ids.map((id) => lab.task(id)));
    expect(tasks.map((task) => task.payload)).toEqual(payloads);
  });

  it('keep their own options', async () => {
    const runAt = new Date('2030-01-02T03:04:05.678Z');
    const ownerId = uuidv7();
    const ids = await Promise.all([
      lab.send(anything, 1, { runAt, priority: 2 }),
      lab.send(anything, 2, { delayMs: 60_000, expiresInMs: 90_000 }),
      lab.send(anything, 3, { ownerId, correlationId: 'c', queue: 'high_priority' }),
    ]);
    const [first, second, third] = await Promise.all(ids.map((id) => lab.task(id)));
    expect([first!.runAt, first!.priority, first!.expiresAt]).toEqual([runAt, 2, null]);
    expect(second!.runAt.getTime() - second!.createdAt.getTime()).toBe(60_000);
    expect(second!.expiresAt!.getTime() - second!.createdAt.getTime()).toBe(90_000);
    expect([third!.ownerId, third!.correlationId, third!.queue]).toEqual([
      ownerId,
      'c',
      'high_priority',
    ]);
  });

  it('do not fail because Postgres refuses one of them', async () => {
    const outcomes = await Promise.allSettled([
      lab.send(anything, 'before'),
      lab.send(anything, 'a NUL is no text for Postgres: \u0000'),
      lab.send(anything, 'after'),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') await lab.task(outcome.value);
    }
  });
});
