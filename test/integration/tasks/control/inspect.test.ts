import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { defineTask } from '../../../../src/tasks/definitions/task-definition.js';
import { PermanentTaskError } from '../../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../../support/eventually.js';
import { onBothQueueEngines } from '../../../support/on-both-queue-engines.js';
import { dataOf, openWorkers, type TestWorkers } from '../../../support/workers-of-a-test.js';

const holding = defineTask({
  name: 'holding',
  queue: 'normal_priority',
  payload: z.object({ secret: z.string() }),
  result: z.null(),
  rateLimit: { limit: 1_000, perMs: 1_000 },
});
const quick = defineTask({
  name: 'quick',
  queue: 'normal_priority',
  payload: z.enum(['works', 'fails']),
  result: z.null(),
});

@Injectable()
class Handlers {
  readonly held: (() => void)[] = [];

  @HandlesTask(holding)
  async hold() {
    await new Promise<void>((resolve) => this.held.push(resolve));
    return null;
  }

  @HandlesTask(quick)
  async quick(how: string) {
    if (how === 'fails') throw new PermanentTaskError('no_luck', 'It fails.');
    return null;
  }
}

onBothQueueEngines('inspecting workers', (engine) => {
  const canary = 'CANARY7f3a';
  let test: TestWorkers;
  beforeAll(async () => {
    test = await openWorkers(engine, ['a', 'b'], {
      providers: [Handlers],
      settings: {
        engineUrls: [`http://user:${canary}@gpu-1:7860/${canary}?token=${canary}`],
        workerConcurrency: 1,
      },
    });
  });
  afterAll(() => test.close());

  it('ping lists every running worker', async () => {
    expect(dataOf(await test.remote.inspect.ping())).toEqual({
      a: { pong: true },
      b: { pong: true },
    });
  });

  it('active shows which task runs where, without payloads, and stats counts how tasks ended', async () => {
    const sent = await Promise.all(
      ['x', 'y'].map((secret) => test.asker.send(holding, { secret })),
    );
    for (const id of sent) await test.asker.reaches(id, 'STARTED');
    const active = dataOf(await test.remote.inspect.active());
    for (const { tasks, total } of Object.values(active)) {
      expect(total).toBe(1);
      const [task] = tasks;
      expect({ name: task!.name, queue: task!.queue, attempt: task!.attempt }).toEqual({
        name: 'holding',
        queue: 'normal_priority',
        attempt: 1,
      });
      expect(Number.isNaN(Date.parse(task!.startedAt))).toBe(false);
      expect('payload' in task!).toBe(false);
    }
    const ids = Object.values(active).flatMap(({ tasks }) => tasks.map(({ id }) => id));
    expect(ids.toSorted()).toEqual(sent.toSorted());
    expect(Object.values(dataOf(await test.remote.inspect.reserved()))).toEqual([
      { tasks: [], total: 0 },
      { tasks: [], total: 0 },
    ]);
    for (const lab of test.workers) lab.get(Handlers).held.forEach((letGo) => letGo());
    for (const id of sent) await test.asker.finished(id);
    await test.asker.finished(await test.asker.send(quick, 'fails'));
    const counts = await eventually('all are counted', async () => {
      const stats = Object.values(dataOf(await test.remote.inspect.stats()));
      const failed = stats.reduce((sum, { tasks }) => sum + tasks.failed, 0);
      return failed === 1 && stats;
    });
    for (const { tasksByName, pool, pid, rssBytes, cpuUserMs } of counts) {
      expect(tasksByName['holding']!.succeeded).toBe(1);
      expect(pool.kind).toBe('inline');
      expect(pid).toBe(process.pid);
      expect(rssBytes > 0 && cpuUserMs > 0).toBe(true);
    }
  });

  it('scheduled shows delayed tasks, soonest first, but not due ones', async () => {
    const later = await test.asker.send(quick, 'works', { delayMs: 25_000 });
    const sooner = await test.asker.send(quick, 'works', { delayMs: 20_000 });
    const elsewhere = { delayMs: 20_000, queue: 'low_priority' } as const;
    await test.asker.send(quick, 'works', elsewhere);
    for (const { tasks, total } of Object.values(dataOf(await test.remote.inspect.scheduled()))) {
      expect(tasks.map(({ id }) => id)).toEqual([sooner, later]);
      expect(total).toBe(2);
      expect(tasks[0]!.state).toBe('PENDING');
      expect(Date.parse(tasks[0]!.eta)).toBeLessThan(Date.parse(tasks[1]!.eta));
    }
  });

  it('registered lists every task with its limits', async () => {
    const { a } = dataOf(await test.remote.inspect.registered());
    expect(a!.find(({ task }) => task === 'holding')).toEqual({
      task: 'holding',
      queue: 'normal_priority',
      priority: 5,
      maxRetries: 3,
      softTimeLimitMs: 540_000,
      hardTimeLimitMs: 600_000,
      rateLimit: { limit: 1_000, perMs: 1_000 },
      concurrencyLimit: null,
    });
  });

  it('revoked lists running tasks that were asked to stop', async () => {
    const id = await test.asker.send(holding, { secret: 'z' });
    const { worker } = await test.asker.reaches(id, 'STARTED');
    expect(dataOf(await test.remote.inspect.revoked())).toEqual({
      a: { tasks: [] },
      b: { tasks: [] },
    });
    await test.asker.database.query(`UPDATE tasks SET revoke_requested_at = now() WHERE id = $1`, [
      id,
    ]);
    const { [worker!]: revoked } = dataOf(await test.remote.inspect.revoked());
    expect(revoked!.tasks[0]!.id).toBe(id);
    for (const { get } of test.workers) get(Handlers).held.forEach((letGo) => letGo());
    await test.asker.finished(id);
  });

  it('activeQueues and the table show which queues are served', async () => {
    expect(dataOf(await test.remote.inspect.activeQueues()).a).toEqual([
      { queue: 'normal_priority', concurrency: 1, running: 0, paused: false },
    ]);
    const [row] = await test.remote.workers();
    expect([row!.name, row!.queues, row!.concurrency, row!.pool]).toEqual([
      'a',
      ['normal_priority'],
      1,
      'inline',
    ]);
  });

  it('report shows versions, and conf shows settings without secrets', async () => {
    const { a: report } = dataOf(await test.remote.inspect.report());
    expect(report!.queueEngine).toBe(engine);
    expect(report!.node).toBe(process.versions.node);
    for (const version of [report!.darkroom, report!.bullmq, report!.postgres]) {
      expect(version).toMatch(/^\d+\.\d+/);
    }
    const { a: conf } = dataOf(await test.remote.inspect.conf());
    expect(conf!['engines']).toEqual(['gpu-1:7860']);
    expect(conf!['workerConcurrency']).toBe(1);
    expect(JSON.stringify(conf)).not.toContain(canary);
  });
});
