import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
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
  before(async () => {
    lab = await openTaskLab('postgres', { providers: [Anything], serve: [] });
  });
  after(() => lab.close());

  it('are all stored as they are', async () => {
    const payloads = [null, 'null', 0, '', 'ü "quoted" \\', [], { a: [null] }, true];
    const ids = await Promise.all(payloads.map((payload) => lab.send(anything, payload)));
    const tasks = await Promise.all(ids.map((id) => lab.task(id)));
    assert.deepEqual(
      tasks.map((task) => task.payload),
      payloads,
    );
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
    assert.deepEqual([first!.runAt, first!.priority, first!.expiresAt], [runAt, 2, null]);
    assert.equal(second!.runAt.getTime() - second!.createdAt.getTime(), 60_000);
    assert.equal(second!.expiresAt!.getTime() - second!.createdAt.getTime(), 90_000);
    assert.deepEqual(
      [third!.ownerId, third!.correlationId, third!.queue],
      [ownerId, 'c', 'high_priority'],
    );
  });

  it('do not fail for one that Postgres refuses', async () => {
    const outcomes = await Promise.allSettled([
      lab.send(anything, 'before'),
      lab.send(anything, 'a NUL is no text for Postgres: \u0000'),
      lab.send(anything, 'after'),
    ]);
    assert.deepEqual(
      outcomes.map((outcome) => outcome.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') await lab.task(outcome.value);
    }
  });
});
