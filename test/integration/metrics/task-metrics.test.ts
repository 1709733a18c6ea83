import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { MetricsModule } from '../../../src/features/metrics/metrics.module.js';
import { MetricsWorkerModule } from '../../../src/features/metrics/metrics-worker.module.js';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { PermanentTaskError, RetryLater } from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { scrape, type Scraped } from '../../support/scrape.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const counted = defineTask({
  name: 'counted_task',
  queue: 'normal_priority',
  payload: z.object({ how: z.enum(['works', 'retries', 'fails', 'waits']) }),
  result: z.null(),
  maxCrashes: 2,
});

@Injectable()
class Handlers {
  release = () => {};

  @HandlesTask(counted)
  async run({ how }: z.output<typeof counted.payload>, { attempt, signal }: TaskContext) {
    if (how === 'retries' && attempt === 1) throw new RetryLater(10);
    if (how === 'fails') throw new PermanentTaskError('no_luck', 'CANARY7e');
    if (how !== 'waits' || attempt > 1) return null;
    await new Promise<void>((resolve) => {
      this.release = resolve;
      signal.addEventListener('abort', () => resolve());
    });
    return null;
  }
}

const labels = 'name="counted_task",queue="normal_priority"';
const queue = 'queue="normal_priority"';

onBothQueueEngines('metrics of tasks', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, {
      providers: [Handlers],
      modules: [MetricsModule, MetricsWorkerModule],
      settings: { metricsPort: 0, leaseMs: 3_000 },
    });
  });
  afterAll(() => lab.close());

  /** The numbers once `there`; how much each has grown since `before`. */
  const grown = (before: Scraped, wanted: Record<string, number>) =>
    eventually(JSON.stringify(wanted), async () => {
      const now = await scrape(lab);
      const by = Object.keys(wanted).map((key) => {
        const [, name, of] = /^(\w+)\{(.*)\}$/.exec(key)!;
        return [key, (now.value(name!, of) ?? 0) - (before.value(name!, of) ?? 0)];
      });
      return JSON.stringify(Object.fromEntries(by)) === JSON.stringify(wanted) && now;
    });

  it('count what is sent, started, retried and ended, with its times', async () => {
    const before = await scrape(lab);
    await lab.send(counted, { how: 'works' });
    await lab.send(counted, { how: 'retries' });
    await lab.send(counted, { how: 'fails' });
    const { text } = await grown(before, {
      [`darkroom_tasks_sent_total{${labels}}`]: 3,
      [`darkroom_tasks_started_total{${labels}}`]: 4,
      [`darkroom_task_retries_total{${labels}}`]: 1,
      [`darkroom_tasks_ended_total{${labels},state="SUCCESS"}`]: 2,
      [`darkroom_tasks_ended_total{${labels},state="FAILURE"}`]: 1,
      [`darkroom_task_run_seconds_count{${queue}}`]: 4,
      [`darkroom_task_wait_seconds_count{${queue}}`]: 4,
      [`darkroom_task_crashes_total{${labels}}`]: 0,
    });
    expect(text).not.toContain('CANARY');
  });

  it('count a task that is revoked before it runs, and measure waits from when it was due', async () => {
    const before = await scrape(lab);
    const id = await lab.send(counted, { how: 'works' }, { delayMs: 3_600_000 });
    await lab.client.revoke(id);
    await lab.finished(id);
    const late = await lab.send(counted, { how: 'works' }, { delayMs: 3_600_000 });
    await lab.database.query(`UPDATE tasks SET run_at = now() - interval '200 s' WHERE id = $1`, [
      late,
    ]);
    await lab.hints.again('normal_priority', [{ id: late, attempt: 0, name: counted.name }]);
    const now = await grown(before, {
      [`darkroom_tasks_ended_total{${labels},state="REVOKED"}`]: 1,
      [`darkroom_task_wait_seconds_bucket{le="120",${queue}}`]: 0,
      [`darkroom_task_wait_seconds_bucket{le="300",${queue}}`]: 1,
    });
    expect(now.value('darkroom_task_wait_seconds_sum', queue)).toBeGreaterThan(199);
  });

  it('count crashes once each: of an attempt that another follows, and of the last one', async () => {
    const before = await scrape(lab);
    const dead = async () => {
      const id = await lab.send(counted, { how: 'works' }, { delayMs: 3_600_000 });
      await lab.database.query('UPDATE tasks SET run_at = now() WHERE id = $1', [id]);
      const claim = await lab.claims.claim(id, 'dead');
      expect(claim.kind).toBe('claimed');
      return id;
    };
    const again = await dead();
    const last = await dead();
    await lab.database.query('UPDATE tasks SET crashes = 1 WHERE id = $1', [last]);
    await lab.database.query(
      `UPDATE tasks SET lease_until = now() - interval '1 ms' WHERE id = ANY($1)`,
      [[again, last]],
    );
    expect((await lab.finished(again)).state).toBe('SUCCESS');
    expect((await lab.finished(last)).error?.code).toBe('poison_task');
    await grown(before, {
      [`darkroom_task_crashes_total{${labels}}`]: 2,
      [`darkroom_tasks_ended_total{${labels},state="FAILURE"}`]: 1,
      // The claim by hand is no start of this process, and the time of the dead attempt is no wait.
      [`darkroom_tasks_started_total{${labels}}`]: 1,
      [`darkroom_task_wait_seconds_count{${queue}}`]: 0,
    });
  });

  it('show the running tasks, and count a lease that is lost', async () => {
    const before = await scrape(lab);
    const id = await lab.send(counted, { how: 'waits' });
    await lab.reaches(id, 'STARTED');
    await grown(before, { [`darkroom_worker_running_tasks{${queue}}`]: 1 });
    await lab.database.query('UPDATE tasks SET attempt = 7 WHERE id = $1', [id]);
    await grown(before, {
      'darkroom_worker_lease_losses_total{}': 1,
      [`darkroom_worker_running_tasks{${queue}}`]: 0,
    });
  });

  it('have one name for all tasks that this release does not know', async () => {
    const before = await scrape(lab);
    for (const name of ['gone_a', 'gone_b"}\n']) {
      const id = await lab.send(counted, { how: 'works' }, { delayMs: 3_600_000 });
      await lab.database.query('UPDATE tasks SET name = $2 WHERE id = $1', [id, name]);
      await lab.client.revoke(id);
    }
    const { text } = await grown(before, {
      'darkroom_tasks_ended_total{name="other",queue="normal_priority",state="REVOKED"}': 2,
    });
    expect(text).not.toContain('gone_');
  });
});
