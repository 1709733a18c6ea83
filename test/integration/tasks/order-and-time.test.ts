import { afterAll, afterEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const mark = defineTask({
  name: 'mark',
  queue: 'normal_priority',
  payload: z.number(),
  result: z.null(),
});

@Injectable()
class Marks {
  readonly seen: number[] = [];

  @HandlesTask(mark)
  async handle(n: number) {
    this.seen.push(n);
    return null;
  }
}

onBothQueueEngines('a worker', (engine) => {
  let lab: TaskLab | undefined;
  const open = async (settings = {}) => {
    lab = await openTaskLab(engine, { providers: [Marks], serve: [], settings });
    return lab;
  };
  afterEach(async () => {
    await lab?.close();
    lab = undefined;
  });
  afterAll(() => lab?.close());

  it('runs priority 0 first and 9 last, and equal ones in the order of sending', async () => {
    const { send, workers, get, finished, hints } = await open({ workerConcurrency: 1 });
    const ids: string[] = [];
    for (const priority of [9, 5, 0, 7, 1]) {
      for (const turn of [0, 1]) {
        ids.push(await send(mark, priority + turn / 10, { priority }));
      }
    }
    await eventually('all hints are in the queue', async () => {
      const counts = await hints.of('normal_priority').getJobCounts();
      return Object.values(counts).reduce((a, b) => a + b) === ids.length;
    });
    workers.start(['normal_priority']);
    await Promise.all(ids.map(finished));
    expect(get(Marks).seen).toEqual([0, 0.1, 1, 1.1, 5, 5.1, 7, 7.1, 9, 9.1]);
  });

  it('runs a delayed task when it is due, not before', async () => {
    const { send, workers, finished, database } = await open();
    workers.start(['normal_priority']);
    const runAt = new Date(Date.now() + 1_500);
    const later = await finished(await send(mark, 1, { delayMs: 500 }));
    const at = await finished(await send(mark, 2, { runAt }));
    expect([later.state, at.state]).toEqual(['SUCCESS', 'SUCCESS']);
    expect(later.runAt.getTime() - later.createdAt.getTime()).toBeGreaterThanOrEqual(500);
    expect(at.runAt).toEqual(runAt);
    const early = await database.query(`SELECT id FROM tasks WHERE started_at < run_at`);
    expect(early).toEqual([]);
  });

  it('keeps a task that is due much later waiting, in the ledger and in the queue', async () => {
    const { send, workers, hints, finished, task, makeDue } = await open();
    workers.start(['normal_priority']);
    const id = await send(mark, 1, { delayMs: 3_600_000 });
    const job = await eventually('a hint', () => hints.of('normal_priority').getJob(id));
    expect(await job.isDelayed()).toBe(true);
    await finished(await send(mark, 2));
    expect((await task(id)).state).toBe('PENDING');
    await makeDue(id);
    expect((await finished(id)).state).toBe('SUCCESS');
  });

  it('never runs a task that expired before it began', async () => {
    const { send, workers, finished, get, database } = await open();
    const id = await send(mark, 1, { expiresInMs: 60_000 });
    await database.query(`UPDATE tasks SET expires_at = now() WHERE id = $1`, [id]);
    workers.start(['normal_priority']);
    const task = await finished(id);
    expect(task.state).toBe('REVOKED');
    expect(task.error?.code).toBe('expired');
    expect(get(Marks).seen).toEqual([]);
  });

  it('reports that a task has failed and then expired, and keeps its error', async () => {
    const { send, workers, finished, database } = await open();
    const id = await send(mark, 1);
    await database.query(
      `UPDATE tasks SET state = 'RETRY', attempt = 2, retries = 2, expires_at = now(),
              error = '{"code":"engine_unavailable","message":"No engine answers.","retryable":true}'
        WHERE id = $1`,
      [id],
    );
    workers.start(['normal_priority']);
    const task = await finished(id);
    expect(task.state).toBe('REVOKED');
    expect(task.error).toEqual({
      code: 'expired',
      message:
        'The task expired after 2 attempts. The last one failed with engine_unavailable: No engine answers.',
      retryable: false,
    });
  });

  it('leaves a task of an unknown kind waiting for a newer worker', async () => {
    const { send, workers, finished, database, task, makeDue, hints } = await open();
    const id = await send(mark, 1);
    await database.query(`UPDATE tasks SET name = 'from_the_future' WHERE id = $1`, [id]);
    workers.start(['normal_priority']);
    await eventually('a worker has looked at it', async () =>
      (await hints.of('normal_priority').getJob(id))?.isDelayed(),
    );
    expect((await task(id)).attempt).toBe(0);
    await database.query(`UPDATE tasks SET name = 'mark' WHERE id = $1`, [id]);
    await makeDue(id);
    const over = await finished(id);
    expect(over.state).toBe('SUCCESS');
    expect(over.crashes + over.retries).toBe(0);
  });
});
