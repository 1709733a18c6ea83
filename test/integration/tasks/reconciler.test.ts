import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { Dispatcher } from '../../../src/tasks/dispatcher.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
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

  it('hands over what was committed by a process that died before it could', async () => {
    const { send, reconciler, workers, finished, get, database } = await open();
    get(Dispatcher).dispatch = () => {};
    const id = await send(step, null);
    assert.equal(await reconciler.reconcile(), 0, 'a fresh one is left to its dispatcher');
    await age();
    assert.equal(await reconciler.reconcile(), 1);
    assert.equal(await reconciler.reconcile(), 0);
    workers.start(['normal_priority']);
    assert.equal((await finished(id)).state, 'SUCCESS');
    assert.equal((await database.query('SELECT FROM tasks')).length, 1);
  });

  it('refills a wiped queue at once, however many there were', async () => {
    const { send, reconciler, workers, wipeQueues, get, database } = await open();
    const n = 1_200;
    await Promise.all(Array.from({ length: n }, () => send(step, null)));
    await dispatched();
    await age();
    await wipeQueues();
    assert.equal(await reconciler.reconcile(), n);
    assert.equal(await waiting(), n);
    workers.start(['normal_priority']);
    await eventually('all are done', async () => {
      const open = await database.query(`SELECT FROM tasks WHERE finished_at IS NULL LIMIT 1`);
      return open.length === 0;
    });
    assert.equal(get(Handlers).runs, n);
  });

  it('adds nothing that the queue still has', async () => {
    const { send, reconciler } = await open();
    for (let i = 0; i < 5; i++) await send(step, null);
    await send(step, null, { delayMs: 3_600_000 });
    await dispatched();
    await age();
    assert.equal(await reconciler.reconcile(), 0);
    assert.equal(await waiting(), 6);
  });

  it('brings back a task whose hint the queue thinks finished', async () => {
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
    assert.equal(await reconciler.reconcile(), 1);
    assert.equal((await finished(id)).attempt, 2);
  });

  it('keeps the moment of a delayed task that was lost', async () => {
    const { send, reconciler, wipeQueues, hints } = await open();
    const id = await send(step, null, { delayMs: 60_000 });
    await dispatched();
    await wipeQueues();
    await lab.database.query(
      `UPDATE tasks SET queue_check_at = NULL, created_at = now() - interval '1 minute'`,
    );
    assert.equal(await reconciler.reconcile(), 1);
    const job = await hints.of('normal_priority').getJob(id);
    assert.equal(await job?.isDelayed(), true);
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
