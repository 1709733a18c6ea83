import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { defineTask } from '../../../../src/tasks/task-definition.js';
import { PermanentTaskError } from '../../../../src/tasks/task-errors.js';
import { HandlesTask } from '../../../../src/tasks/task-handler.decorator.js';
import { eventually } from '../../../support/eventually.js';
import { onBothQueueEngines } from '../../../support/queue-engines.js';
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
  before(async () => {
    test = await openWorkers(engine, ['a', 'b'], {
      providers: [Handlers],
      settings: {
        engineUrls: [`http://user:${canary}@gpu-1:7860/${canary}?token=${canary}`],
        workerConcurrency: 1,
      },
    });
  });
  after(() => test.close());

  it('ping: everybody who is there', async () => {
    assert.deepEqual(dataOf(await test.remote.inspect.ping()), {
      a: { pong: true },
      b: { pong: true },
    });
  });

  it('active: what runs where, without payloads; stats count how it ended', async () => {
    const sent = await Promise.all(
      ['x', 'y'].map((secret) => test.asker.send(holding, { secret })),
    );
    for (const id of sent) await test.asker.reaches(id, 'STARTED');
    const active = dataOf(await test.remote.inspect.active());
    for (const { tasks, total } of Object.values(active)) {
      assert.equal(total, 1);
      const [task] = tasks;
      assert.deepEqual(
        { name: task!.name, queue: task!.queue, attempt: task!.attempt },
        { name: 'holding', queue: 'normal_priority', attempt: 1 },
      );
      assert.ok(!Number.isNaN(Date.parse(task!.startedAt)));
      assert.ok(!('payload' in task!));
    }
    const ids = Object.values(active).flatMap(({ tasks }) => tasks.map(({ id }) => id));
    assert.deepEqual(ids.toSorted(), sent.toSorted());
    assert.deepEqual(Object.values(dataOf(await test.remote.inspect.reserved())), [
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
      assert.equal(tasksByName['holding']!.succeeded, 1);
      assert.equal(pool.kind, 'inline');
      assert.equal(pid, process.pid);
      assert.ok(rssBytes > 0 && cpuUserMs > 0);
    }
  });

  it('scheduled: what is delayed, soonest first; not what is due', async () => {
    const later = await test.asker.send(quick, 'works', { delayMs: 25_000 });
    const sooner = await test.asker.send(quick, 'works', { delayMs: 20_000 });
    const elsewhere = { delayMs: 20_000, queue: 'low_priority' } as const;
    await test.asker.send(quick, 'works', elsewhere);
    for (const { tasks, total } of Object.values(dataOf(await test.remote.inspect.scheduled()))) {
      assert.deepEqual(
        tasks.map(({ id }) => id),
        [sooner, later],
      );
      assert.equal(total, 2);
      assert.equal(tasks[0]!.state, 'PENDING');
      assert.ok(Date.parse(tasks[0]!.eta) < Date.parse(tasks[1]!.eta));
    }
  });

  it('registered: every task with its limits', async () => {
    const { a } = dataOf(await test.remote.inspect.registered());
    assert.deepEqual(
      a!.find(({ task }) => task === 'holding'),
      {
        task: 'holding',
        queue: 'normal_priority',
        priority: 5,
        maxRetries: 3,
        softTimeLimitMs: 540_000,
        hardTimeLimitMs: 600_000,
        rateLimit: { limit: 1_000, perMs: 1_000 },
        concurrencyLimit: null,
      },
    );
  });

  it('revoked: what runs and was asked to stop', async () => {
    const id = await test.asker.send(holding, { secret: 'z' });
    const { worker } = await test.asker.reaches(id, 'STARTED');
    assert.deepEqual(dataOf(await test.remote.inspect.revoked()), {
      a: { tasks: [] },
      b: { tasks: [] },
    });
    await test.asker.database.query(`UPDATE tasks SET revoke_requested_at = now() WHERE id = $1`, [
      id,
    ]);
    const { [worker!]: revoked } = dataOf(await test.remote.inspect.revoked());
    assert.equal(revoked!.tasks[0]!.id, id);
    for (const { get } of test.workers) get(Handlers).held.forEach((letGo) => letGo());
    await test.asker.finished(id);
  });

  it('active queues and the table say what is served', async () => {
    assert.deepEqual(dataOf(await test.remote.inspect.activeQueues()).a, [
      { queue: 'normal_priority', concurrency: 1, running: 0, paused: false },
    ]);
    const [row] = await test.remote.workers();
    assert.deepEqual(
      [row!.name, row!.queues, row!.concurrency, row!.pool],
      ['a', ['normal_priority'], 1, 'inline'],
    );
  });

  it('report: versions; conf: settings without a secret', async () => {
    const { a: report } = dataOf(await test.remote.inspect.report());
    assert.equal(report!.queueEngine, engine);
    assert.equal(report!.node, process.versions.node);
    for (const version of [report!.darkroom, report!.bullmq, report!.postgres]) {
      assert.match(version, /^\d+\.\d+/);
    }
    const { a: conf } = dataOf(await test.remote.inspect.conf());
    assert.deepEqual(conf!['engines'], ['gpu-1:7860']);
    assert.equal(conf!['workerConcurrency'], 1);
    assert.ok(!JSON.stringify(conf).includes(canary));
  });
});
