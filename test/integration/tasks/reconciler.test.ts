import { afterEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Dispatcher } from '../../../src/tasks/hints/dispatcher.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const step = defineTask({
  name: 'step',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.null(),
});

@Injectable()
class Handlers {
  runs = 0;

  @HandlesTask(step)
  async run() {
    this.runs++;
    return null;
  }
}

onBothQueueEngines('the reconciler', (engine) => {
  let lab: TaskLab;
  const open = async () => {
    // Its own timer stays out of the way; the tests say when it looks.
    const settings = { reconcileMs: 3_600_000, databasePoolSize: 20 };
    lab = await openTaskLab(engine, { providers: [Handlers], serve: [], settings });
    return lab;
  };
  afterEach(() => lab.close());
  const age = () =>
    lab.database.query(
      `UPDATE tasks SET created_at = now() - interval '1 minute', queue_check_at = CASE
         WHEN queue_check_at IS NULL THEN NULL ELSE now() - interval '1 s' END`,
    );
  const waiting = async () => {
    const counts = await lab.hints.of('normal_priority').getJobCounts();
    return (counts['waiting'] ?? 0) + (counts['prioritized'] ?? 0) + (counts['delayed'] ?? 0);
  };
  const dispatched = () =>
    eventually('all are handed over', async () => {
      const [{ n }] = await lab.database.query(
        `SELECT count(*)::int AS n FROM tasks WHERE queue_check_at IS NULL`,
      );
      return n === 0;
    });

  it('hands over tasks of a process that died between the commit and the hand-over', async () => {
    const { send, reconciler, workers, finished, get, database } = await open();
    get(Dispatcher).dispatch = () => {};
    const id = await send(step, null);
    expect(await reconciler.reconcile()).toBe(0);
    await age();
    expect(await reconciler.reconcile()).toBe(1);
    expect(await reconciler.reconcile()).toBe(0);
    workers.start(['normal_priority']);
    expect((await finished(id)).state).toBe('SUCCESS');
    expect((await database.query('SELECT FROM tasks')).length).toBe(1);
  });

  it('refills a wiped queue at once, however many hints it had', async () => {
    const { send, reconciler, workers, wipeQueues, get, database } = await open();
    const n = 1_200;
    await Promise.all(Array.from({ length: n }, () => send(step, null)));
    await dispatched();
    await age();
    await wipeQueues();
    expect(await reconciler.reconcile()).toBe(n);
    expect(await waiting()).toBe(n);
    workers.start(['normal_priority']);
    await eventually('all are done', async () => {
      const open = await database.query(`SELECT FROM tasks WHERE finished_at IS NULL LIMIT 1`);
      return open.length === 0;
    });
    expect(get(Handlers).runs).toBe(n);
  });

  it('adds no hint that the queue still has', async () => {
    const { send, reconciler } = await open();
    for (let i = 0; i < 5; i++) await send(step, null);
    await send(step, null, { delayMs: 3_600_000 });
    await dispatched();
    await age();
    expect(await reconciler.reconcile()).toBe(0);
    expect(await waiting()).toBe(6);
  });

  it('recovers a task whose hint the queue considers finished', async () => {
    const { send, reconciler, workers, finished, database, hints } = await open();
    workers.start(['normal_priority']);
    const id = await send(step, null);
    await finished(id);
    await eventually('its hint is completed', async () => {
      return (await hints.of('normal_priority').getJobState(id)) === 'completed';
    });
    // As after a restore of the database from a backup.
    await database.query(
      `UPDATE tasks SET state = 'PENDING', finished_at = NULL, result = NULL,
              queue_check_at = now() - interval '1 s' WHERE id = $1`,
      [id],
    );
    expect(await reconciler.reconcile()).toBe(1);
    expect((await finished(id)).attempt).toBe(2);
  });

  it('keeps the due time of a delayed task whose hint was lost', async () => {
    const { send, reconciler, wipeQueues, hints } = await open();
    const id = await send(step, null, { delayMs: 60_000 });
    await dispatched();
    await wipeQueues();
    await lab.database.query(
      `UPDATE tasks SET queue_check_at = NULL, created_at = now() - interval '1 minute'`,
    );
    expect(await reconciler.reconcile()).toBe(1);
    const job = await hints.of('normal_priority').getJob(id);
    expect(await job?.isDelayed()).toBe(true);
  });

  it('ignores a hint without a task', async () => {
    const { hints, workers } = await open();
    const taskId = '01890000-0000-7000-8000-000000000000';
    const hint = {
      taskId,
      name: 'step',
      queue: 'normal_priority',
      priority: 5,
      delayMs: 0,
    } as const;
    await hints.add('normal_priority', [hint]);
    workers.start(['normal_priority']);
    await eventually('the hint is gone', async () => {
      return (await hints.of('normal_priority').getJobState(taskId)) === 'completed';
    });
  });
});
