import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { v4 as uuidv4 } from 'uuid';
import { z } from 'zod';
import { chain, si } from '../../../src/tasks/canvas/signatures.js';
import { completeWith, type TaskContext } from '../../../src/tasks/definitions/task-context.js';
import type { QueueName } from '../../../src/tasks/definitions/queues.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { PermanentTaskError } from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { QueuePurge } from '../../../src/tasks/operations/queue-purge.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const told = defineTask({
  name: 'work_ended',
  queue: 'low_priority',
  priority: 2,
  payload: z.strictObject({ task_id: z.uuid() }),
  result: z.null(),
});
const work = defineTask({
  name: 'work',
  queue: 'normal_priority',
  payload: z.enum(['succeed', 'rows', 'broken rows', 'fail', 'hang', 'retry']),
  result: z.null(),
  retry: { max: 1, delayMs: 1 },
  followUp: told,
});

@Injectable()
class Handlers {
  @HandlesTask(work)
  async work(how: z.output<typeof work.payload>, { signal }: TaskContext) {
    if (how === 'fail') throw new PermanentTaskError('broken', 'It is broken.');
    if (how === 'retry') throw new Error('again');
    if (how === 'rows') return completeWith(async () => null);
    if (how === 'broken rows') return completeWith(() => Promise.reject(new Error('no rows')));
    if (how === 'hang') await new Promise((_, no) => signal.addEventListener('abort', no));
    return null;
  }

  @HandlesTask(told)
  async told() {
    return null;
  }
}

interface FollowUpRow {
  id: string;
  state: string;
  queue: string;
  priority: number;
  ownerId: string | null;
  correlationId: string | null;
}

onBothQueueEngines('a follow-up', (engine) => {
  let lab: TaskLab;
  /** Finds lost hints only when the test asks, so that what runs was handed to the queue at the end. */
  const settings = { reconcileMs: 3_600_000 };
  beforeAll(async () => {
    const serve: QueueName[] = ['normal_priority', 'low_priority'];
    lab = await openTaskLab(engine, { providers: [Handlers], settings, serve });
  });
  afterAll(() => lab.close());

  const followUpsOf = (id: string): Promise<FollowUpRow[]> =>
    lab.database.query(
      `SELECT id, state, queue, priority, owner_id AS "ownerId", correlation_id AS "correlationId"
         FROM tasks WHERE name = 'work_ended' AND payload->>'task_id' = $1`,
      [id],
    );
  const followed = (id: string) =>
    eventually(`the follow-up of ${id} is over`, async () => {
      const found = await followUpsOf(id);
      return found[0]?.state === 'SUCCESS' && found;
    });

  for (const [how, state] of [
    ['succeed', 'SUCCESS'],
    ['rows', 'SUCCESS'],
    ['broken rows', 'FAILURE'],
    ['fail', 'FAILURE'],
    ['retry', 'FAILURE'],
  ] as const) {
    it(`is sent once, and runs, when a task that has to ${how} is ${state}`, async () => {
      const id = await lab.send(work, how);
      expect((await lab.finished(id)).state).toBe(state);
      expect(await followed(id)).toHaveLength(1);
    });
  }

  it('has the queue and priority of its definition, and the owner and correlation id of the task', async () => {
    const [ownerId, correlationId] = [uuidv4(), 'request 5'];
    const id = await lab.send(work, 'succeed', { ownerId, correlationId, priority: 9 });
    const expected = { queue: 'low_priority', priority: 2, ownerId, correlationId };
    expect(await followed(id)).toEqual([expect.objectContaining(expected)]);
  });

  it('is not sent before the end', async () => {
    const id = await lab.send(work, 'hang');
    await lab.reaches(id, 'STARTED');
    expect(await followUpsOf(id)).toEqual([]);
    await lab.client.revoke(id);
    expect((await lab.finished(id)).state).toBe('REVOKED');
    expect(await followed(id)).toHaveLength(1);
  });

  it('is sent for tasks that end without having run', async () => {
    const far = { delayMs: 3_600_000 };
    const revoked = await lab.send(work, 'succeed', far);
    await lab.client.revoke([revoked, revoked]);
    const expired = await lab.send(work, 'succeed', { delayMs: 60_000, expiresInMs: 1 });
    await lab.makeDue(expired);
    expect((await lab.finished(expired)).state).toBe('REVOKED');
    for (const id of [revoked, expired]) expect(await followed(id)).toHaveLength(1);
  });

  it('is sent for tasks that are purged', async () => {
    const id = await lab.send(work, 'succeed', { queue: 'high_priority' });
    await lab.get(QueuePurge).purge(['high_priority']);
    expect((await lab.task(id)).state).toBe('REVOKED');
    expect(await followed(id)).toHaveLength(1);
  });

  it('is sent for each step of a canvas, also for those that never ran', async () => {
    await lab.sendCanvas(chain(si(work, 'succeed'), si(work, 'fail'), si(work, 'rows')));
    const steps: { id: string }[] = await eventually('the canvas is over', async () => {
      const rows = await lab.database.query(
        `SELECT id FROM tasks WHERE position IS NOT NULL AND finished_at IS NOT NULL`,
      );
      return rows.length === 3 && rows;
    });
    for (const { id } of steps) expect(await followed(id)).toHaveLength(1);
  });

  it('whose hint was lost with the process is found by the reconciler', async () => {
    const id = await lab.send(work, 'succeed', { delayMs: 3_600_000 });
    // What a process leaves behind that dies right after the commit.
    await lab.database.query(
      `UPDATE tasks SET state = 'FAILURE', finished_at = now() WHERE id = $1`,
      [id],
    );
    const [sent] = await followUpsOf(id);
    expect(sent!.state).toBe('PENDING');
    await lab.database.query(
      `UPDATE tasks SET created_at = now() - interval '1 minute' WHERE id = $1`,
      [sent!.id],
    );
    await lab.reconciler.reconcile();
    expect(await followed(id)).toHaveLength(1);
  });
});
