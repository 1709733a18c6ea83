import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import {
  MaintenanceService,
  OLD_ROWS,
} from '../../../src/features/maintenance/maintenance.service.js';
import { MaintenanceProcessor } from '../../../src/features/maintenance/maintenance.processor.js';
import { sweepExpiredResultsTask } from '../../../src/features/maintenance/maintenance.tasks.js';
import { chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import type { TaskContext } from '../../../src/tasks/task-context.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import {
  PermanentTaskError,
  TaskFailedError,
  TaskRevokedError,
  UnknownTaskError,
} from '../../../src/tasks/task-errors.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import type { TaskResult } from '../../../src/tasks/task-result.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const int = { queue: 'normal_priority', payload: z.int(), result: z.int() } as const;
const quick = defineTask({ name: 'results_quick', ...int });
const brief = defineTask({ name: 'results_brief', ...int, resultExpiresMs: 90_000 });
const kept = defineTask({ name: 'results_kept', ...int, resultExpiresMs: null });
const broken = defineTask({ name: 'results_broken', ...int });
const sum = defineTask({ name: 'results_sum', ...int, payload: z.array(z.int()) });
/** Ends when its gate is open. */
const gated = defineTask({ name: 'results_gated', ...int, payload: z.string() });

@Injectable()
class Handlers {
  readonly open = new Set<string>();

  @HandlesTask(quick)
  async quick(n: number) {
    return n;
  }

  @HandlesTask(brief)
  async brief(n: number) {
    return n;
  }

  @HandlesTask(kept)
  async kept(n: number) {
    return n;
  }

  @HandlesTask(broken)
  async broken(): Promise<number> {
    throw new PermanentTaskError('out_of_order', 'It is broken.');
  }

  @HandlesTask(sum)
  async sum(numbers: number[]) {
    return numbers.reduce((a, b) => a + b, 0);
  }

  @HandlesTask(gated)
  async gated(gate: string, context: TaskContext) {
    const { signal } = context;
    context.progress({ percent: 25, step: 1, steps: 4 });
    await eventually('its gate is open', () => signal.aborted || this.open.has(gate));
    signal.throwIfAborted();
    return gate.length;
  }
}

onBothQueueEngines('results', (engine) => {
  let lab: TaskLab;
  let open: Set<string>;
  const patience = { timeoutMs: 30_000 };
  before(async () => {
    lab = await openTaskLab(engine, {
      providers: [
        Handlers,
        MaintenanceProcessor,
        MaintenanceService,
        { provide: OLD_ROWS, useValue: [] },
      ],
      serve: ['normal_priority', 'low_priority'],
    });
    open = lab.get(Handlers).open;
  });
  after(() => lab.close());
  const verbs = async (task: TaskResult) => [
    await task.status(),
    await task.ready(),
    await task.successful(),
    await task.failed(),
  ];

  it('of a task that runs: its state, its progress; then its result, typed', async () => {
    const task = await lab.client.send(lab.database.manager, gated, 'four');
    const progress = await eventually('progress', () => task.info());
    assert.deepEqual(progress, { percent: 25, step: 1, steps: 4 });
    assert.deepEqual(await verbs(task), ['STARTED', false, false, false]);
    open.add('four');
    const result: number | null = await task.get(patience);
    assert.equal(result, 4);
    assert.deepEqual(await verbs(task), ['SUCCESS', true, true, false]);
    assert.equal(await task.info(), null);
    const again: number | null = await lab.client.result(task.id, gated).get();
    assert.equal(again, 4);
  });

  it('of one that failed: get throws its failure', async () => {
    const task = await lab.client.send(lab.database.manager, broken, 1);
    const failure = { code: 'out_of_order', message: 'It is broken.', retryable: false };
    const expected = { name: 'TaskFailedError', taskId: task.id, failure };
    await assert.rejects(task.get(patience), TaskFailedError);
    await assert.rejects(task.get(), expected);
    assert.deepEqual(await verbs(task), ['FAILURE', true, false, true]);
  });

  it('of one that was revoked: get throws, with why', async () => {
    const task = await lab.client.send(lab.database.manager, quick, 1, { delayMs: 20_000 });
    assert.deepEqual(await verbs(task), ['PENDING', false, false, false]);
    await task.revoke();
    assert.deepEqual(await verbs(task), ['REVOKED', true, false, true]);
    await assert.rejects(task.get(), (error) => {
      assert.ok(error instanceof TaskRevokedError);
      assert.deepEqual([error.taskId, error.failure?.code], [task.id, 'revoked']);
      return true;
    });
  });

  it('get gives up after its timeout; the task goes on', async () => {
    const task = await lab.client.send(lab.database.manager, gated, 'timeout');
    for (const timeoutMs of [0, 50]) {
      const expected = { name: 'TaskTimeoutError', taskId: task.id, timeoutMs };
      await assert.rejects(task.get({ timeoutMs }), expected);
    }
    open.add('timeout');
    assert.equal(await task.get(patience), 7);
  });

  it('forget drops the result, and again changes nothing', async () => {
    const task = await lab.client.send(lab.database.manager, quick, 1);
    assert.equal(await task.get(patience), 1);
    await task.forget();
    await task.forget();
    assert.equal(await task.get(), null);
    assert.equal(await task.status(), 'SUCCESS');
    assert.equal((await lab.task(task.id)).result, null);
  });

  it('forgotten while it runs: it runs to its end, and its result is not kept', async () => {
    const task = await lab.client.send(lab.database.manager, gated, 'forgotten');
    await eventually('it runs', () => task.info());
    await task.forget();
    assert.equal(await task.status(), 'STARTED');
    open.add('forgotten');
    assert.equal(await task.get(patience), null);
    const { state, result, attempt } = await lab.task(task.id);
    assert.deepEqual([state, result, attempt], ['SUCCESS', null, 1]);
  });

  it('a part that is forgotten early is null in what its group gives', async () => {
    const parts = group(si(quick, 1), si(gated, 'early'));
    const sent = await lab.client.sendCanvas(lab.database.manager, parts);
    const part = await eventually('the first part is over', () => partOf(sent.id, quick.name));
    await lab.client.result(part).forget();
    open.add('early');
    assert.deepEqual(await sent.get(patience), [null, 5]);
  });

  it('of an id that nobody knows: each verb says so, but revoke answers', async () => {
    const id = uuidv7();
    const [task, unknown] = [lab.client.result(id), lab.client.groupResult(id)];
    const asked = [
      () => task.status(),
      () => task.ready(),
      () => task.successful(),
      () => task.failed(),
      () => task.info(),
      () => task.get(),
      () => task.forget(),
      () => unknown.parts(),
      () => unknown.completedCount(),
    ];
    for (const ask of asked) await assert.rejects(ask(), UnknownTaskError, ask.toString());
    assert.deepEqual(await task.revoke(), { id, outcome: 'unknown', state: null });
  });

  it('of a group: its parts in order, and how many have succeeded', async () => {
    const parts = group(si(gated, 'a'), si(quick, 5), si(gated, 'ccc'));
    const sent = await lab.client.sendCanvas(lab.database.manager, parts);
    const counts = async (n: number) =>
      eventually(`${n} are over`, async () => (await sent.completedCount()) === n);
    await counts(1);
    open.add('ccc');
    await counts(2);
    assert.equal(await sent.ready(), false);
    const [first, second, third] = await sent.parts();
    assert.equal(await first!.ready(), false);
    assert.deepEqual([await second!.get(), await third!.get()], [5, 3]);
    open.add('a');
    const results: [number, number, number] | null = await sent.get(patience);
    assert.deepEqual(results, [1, 5, 3]);
    const later = lab.client.groupResult(sent.id);
    assert.deepEqual(
      (await later.parts()).map(({ id }) => id),
      [first!.id, second!.id, third!.id],
    );
    const empty = await lab.client.sendCanvas(lab.database.manager, group());
    assert.deepEqual([await empty.parts(), await empty.completedCount()], [[], 0]);
  });

  it('of a group with a part that failed: the others count, get names it', async () => {
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      group(si(quick, 1), si(broken, 1)),
    );
    await assert.rejects(sent.get(patience), { name: 'TaskFailedError', message: /Part 2/ });
    assert.deepEqual([await sent.failed(), await sent.completedCount()], [true, 1]);
  });

  it('a result expires as its definition says, a failure never', async () => {
    const seconds = async (id: string) => {
      await lab.finished(id);
      const [row] = await lab.database.query(
        `SELECT extract(epoch FROM result_expires_at - finished_at)::float8 AS after
           FROM tasks WHERE id = $1`,
        [id],
      );
      return row.after;
    };
    assert.equal(await seconds(await lab.send(quick, 1)), 3_600);
    assert.equal(await seconds(await lab.send(brief, 1)), 90);
    assert.equal(await seconds(await lab.send(kept, 1)), null);
    assert.equal(await seconds(await lab.send(broken, 1)), null);
    assert.equal(await seconds(await lab.sendCanvas(group(si(brief, 1), si(kept, 1)))), 3_600);
  });

  it('the sweeper drops what has expired, and nothing else', async () => {
    const [gone, young, forGood] = [
      await lab.client.send(lab.database.manager, brief, 1),
      await lab.client.send(lab.database.manager, brief, 2),
      await lab.client.send(lab.database.manager, kept, 3),
    ];
    for (const task of [gone, young, forGood]) await task.get(patience);
    await expire([gone.id]);
    assert.equal(await sweep(), 1);
    assert.deepEqual([await gone.get(), await young.get(), await forGood.get()], [null, 2, 3]);
    assert.equal(await gone.status(), 'SUCCESS');
    assert.equal(await sweep(), 0);
  });

  it('the sweeper leaves a canvas its results until it is over', async () => {
    const canvas = chord(group(si(quick, 1), si(gated, 'swept')), s(sum));
    const sent = await lab.client.sendCanvas(lab.database.manager, canvas);
    const part = await eventually('the first part is over', () => partOf(sent.id, quick.name));
    await expire([part]);
    assert.equal(await sweep(), 0);
    open.add('swept');
    assert.equal(await sent.get(patience), 6);
    assert.equal(await sweep(), 1);
    assert.deepEqual([await lab.client.result(part).get(), await sent.get()], [null, 6]);
  });

  it('also when that is a callback, and what it follows is over', async () => {
    const link = group(s(kept), si(gated, 'called'));
    const first = await lab.client.send(lab.database.manager, quick, 1, { link });
    await first.get(patience);
    const [{ id }] = await lab.database.query(
      `SELECT id FROM tasks WHERE parent_id = $1 AND kind = 'group'`,
      [first.id],
    );
    const part = await eventually('a part is over', () => partOf(first.id, kept.name));
    await expire([part]);
    assert.equal(await sweep(), 0);
    open.add('called');
    assert.deepEqual(await lab.client.groupResult(id).get(patience), [1, 6]);
    assert.equal(await sweep(), 1);
  });

  async function partOf(canvas: string, name: string): Promise<string | undefined> {
    const [row] = await lab.database.query(
      `SELECT id FROM tasks WHERE canvas_id = $1 AND name = $2 AND state = 'SUCCESS'`,
      [canvas, name],
    );
    return row?.id;
  }

  const expire = (ids: string[]) =>
    lab.database.query(
      `UPDATE tasks SET result_expires_at = now() - interval '1 s' WHERE id = ANY($1)`,
      [ids],
    );

  const sweep = async () =>
    lab.client.result(await lab.send(sweepExpiredResultsTask, null), sweepExpiredResultsTask).get();
});
