import assert from 'node:assert/strict';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
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
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import {
  PermanentTaskError,
  TaskFailedError,
  TaskRevokedError,
  UnknownTaskError,
} from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import type { TaskResult } from '../../../src/tasks/results/task-result.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const int = { queue: 'normal_priority', payload: z.int(), result: z.int() } as const;
const quick = defineTask({ name: 'results_quick', ...int });
const brief = defineTask({ name: 'results_brief', ...int, resultExpiresMs: 900_000 });
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

onBothQueueEngines('the handle of a result', (engine) => {
  let lab: TaskLab;
  let open: Set<string>;
  const patience = { timeoutMs: 300_000 };
  beforeAll(async () => {
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
  afterAll(() => lab.close());
  const verbs = async (task: TaskResult) => [
    await task.status(),
    await task.ready(),
    await task.successful(),
    await task.failed(),
  ];

  it('gives the state and progress of a running task, and then its typed result', async () => {
    const task = await lab.client.send(lab.database.manager, gated, 'four');
    const progress = await eventually('progress', () => task.info());
    expect(progress).toEqual({ percent: 25, step: 1, steps: 4 });
    expect(await verbs(task)).toEqual(['STARTED', false, false, false]);
    open.add('four');
    const result: number | null = await task.get(patience);
    expect(result).toBe(4);
    expect(await verbs(task)).toEqual(['SUCCESS', true, true, false]);
    expect(await task.info()).toBe(null);
    const again: number | null = await lab.client.result(task.id, gated).get();
    expect(again).toBe(4);
  });

  it('throws the failure of a failed task', async () => {
    const task = await lab.client.send(lab.database.manager, broken, 1);
    const failure = { code: 'out_of_order', message: 'It is broken.', retryable: false };
    const expected = { name: 'TaskFailedError', taskId: task.id, failure };
    await expect(task.get(patience)).rejects.toThrow(TaskFailedError);
    await expect(task.get()).rejects.toMatchObject(expected);
    expect(await verbs(task)).toEqual(['FAILURE', true, false, true]);
  });

  it('throws with the reason for a revoked task', async () => {
    const task = await lab.client.send(lab.database.manager, quick, 1, { delayMs: 20_000 });
    expect(await verbs(task)).toEqual(['PENDING', false, false, false]);
    await task.revoke();
    expect(await verbs(task)).toEqual(['REVOKED', true, false, true]);
    await assert.rejects(task.get(), (error) => {
      assert.ok(error instanceof TaskRevokedError);
      expect([error.taskId, error.failure?.code]).toEqual([task.id, 'revoked']);
      return true;
    });
  });

  it('stops waiting after its timeout, while the task continues', async () => {
    const task = await lab.client.send(lab.database.manager, gated, 'timeout');
    for (const timeoutMs of [0, 50]) {
      const expected = { name: 'TaskTimeoutError', taskId: task.id, timeoutMs };
      await expect(task.get({ timeoutMs })).rejects.toMatchObject(expected);
    }
    open.add('timeout');
    expect(await task.get(patience)).toBe(7);
  });

  it('drops the result on forget, and a second forget changes nothing', async () => {
    const task = await lab.client.send(lab.database.manager, quick, 1);
    expect(await task.get(patience)).toBe(1);
    await task.forget();
    await task.forget();
    expect(await task.get()).toBe(null);
    expect(await task.status()).toBe('SUCCESS');
    expect((await lab.task(task.id)).result).toBe(null);
  });

  it('forgets a running task, which runs to its end without keeping the result', async () => {
    const task = await lab.client.send(lab.database.manager, gated, 'forgotten');
    await eventually('it runs', () => task.info());
    await task.forget();
    expect(await task.status()).toBe('STARTED');
    open.add('forgotten');
    expect(await task.get(patience)).toBe(null);
    const { state, result, attempt } = await lab.task(task.id);
    expect([state, result, attempt]).toEqual(['SUCCESS', null, 1]);
  });

  it("gives null in a group's results for a part that was forgotten early", async () => {
    const parts = group(si(quick, 1), si(gated, 'early'));
    const sent = await lab.client.sendCanvas(lab.database.manager, parts);
    const part = await eventually('the first part is over', () => partOf(sent.id, quick.name));
    await lab.client.result(part).forget();
    open.add('early');
    expect(await sent.get(patience)).toEqual([null, 5]);
  });

  it('says in every method that its id is unknown, except in revoke, which answers', async () => {
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
    for (const ask of asked) await expect(ask()).rejects.toThrow(UnknownTaskError);
    expect(await task.revoke()).toEqual({ id, outcome: 'unknown', state: null });
  });

  it("gives a group's parts in order, and how many have succeeded", async () => {
    const parts = group(si(gated, 'a'), si(quick, 5), si(gated, 'ccc'));
    const sent = await lab.client.sendCanvas(lab.database.manager, parts);
    const counts = async (n: number) =>
      eventually(`${n} are over`, async () => (await sent.completedCount()) === n);
    await counts(1);
    open.add('ccc');
    await counts(2);
    expect(await sent.ready()).toBe(false);
    const [first, second, third] = await sent.parts();
    expect(await first!.ready()).toBe(false);
    expect([await second!.get(), await third!.get()]).toEqual([5, 3]);
    open.add('a');
    const results: [number, number, number] | null = await sent.get(patience);
    expect(results).toEqual([1, 5, 3]);
    const later = lab.client.groupResult(sent.id);
    expect((await later.parts()).map(({ id }) => id)).toEqual([first!.id, second!.id, third!.id]);
    const empty = await lab.client.sendCanvas(lab.database.manager, group());
    expect([await empty.parts(), await empty.completedCount()]).toEqual([[], 0]);
  });

  it('counts the other parts of a group with a failed part, and names that part in get', async () => {
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      group(si(quick, 1), si(broken, 1)),
    );
    await expect(sent.get(patience)).rejects.toMatchObject({
      name: 'TaskFailedError',
      message: expect.stringMatching(/Part 2/),
    });
    expect([await sent.failed(), await sent.completedCount()]).toEqual([true, 1]);
  });

  it('loses a result when it expires, but never a failure', async () => {
    const seconds = async (id: string) => {
      await lab.finished(id);
      const [row] = await lab.database.query(
        `SELECT extract(epoch FROM result_expires_at - finished_at)::float8 AS after
           FROM tasks WHERE id = $1`,
        [id],
      );
      return row.after;
    };
    expect(await seconds(await lab.send(quick, 1))).toBe(3_600);
    expect(await seconds(await lab.send(brief, 1))).toBe(900);
    expect(await seconds(await lab.send(kept, 1))).toBe(null);
    expect(await seconds(await lab.send(broken, 1))).toBe(null);
    expect(await seconds(await lab.sendCanvas(group(si(brief, 1), si(kept, 1))))).toBe(3_600);
  });

  it('has no result after the sweeper has dropped it, and keeps all others', async () => {
    const [gone, young, forGood] = [
      await lab.client.send(lab.database.manager, brief, 1),
      await lab.client.send(lab.database.manager, brief, 2),
      await lab.client.send(lab.database.manager, kept, 3),
    ];
    for (const task of [gone, young, forGood]) await task.get(patience);
    await expire([gone.id]);
    expect(await sweep()).toBe(1);
    expect([await gone.get(), await young.get(), await forGood.get()]).toEqual([null, 2, 3]);
    expect(await gone.status()).toBe('SUCCESS');
    expect(await sweep()).toBe(0);
  });

  it('keeps the results of a canvas until the canvas is over', async () => {
    const canvas = chord(group(si(quick, 1), si(gated, 'swept')), s(sum));
    const sent = await lab.client.sendCanvas(lab.database.manager, canvas);
    const part = await eventually('the first part is over', () => partOf(sent.id, quick.name));
    await expire([part]);
    expect(await sweep()).toBe(0);
    open.add('swept');
    expect(await sent.get(patience)).toBe(6);
    expect(await sweep()).toBe(1);
    expect([await lab.client.result(part).get(), await sent.get()]).toEqual([null, 6]);
  });

  it("keeps the results of a callback's canvas too, after the task that it follows is over", async () => {
    const link = group(s(kept), si(gated, 'called'));
    const first = await lab.client.send(lab.database.manager, quick, 1, { link });
    await first.get(patience);
    const [{ id }] = await lab.database.query(
      `SELECT id FROM tasks WHERE parent_id = $1 AND kind = 'group'`,
      [first.id],
    );
    const part = await eventually('a part is over', () => partOf(first.id, kept.name));
    await expire([part]);
    expect(await sweep()).toBe(0);
    open.add('called');
    expect(await lab.client.groupResult(id).get(patience)).toEqual([1, 6]);
    expect(await sweep()).toBe(1);
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
