import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { inTransaction } from '../../../src/infrastructure/database/transaction.js';
import { chain, group, si } from '../../../src/tasks/canvas/signatures.js';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask, type Payload } from '../../../src/tasks/definitions/task-definition.js';
import {
  LeaseLost,
  PermanentTaskError,
  Snooze,
} from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { isFinal } from '../../../src/tasks/definitions/task-state.js';
import { TaskEntity } from '../../../src/tasks/ledger/task.entity.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const part = defineTask({
  name: 'part',
  queue: 'low_priority',
  payload: z.enum(['succeed', 'fail', 'late', 'hang']),
  result: z.string(),
  retry: { max: 0 },
});
const whole = defineTask({
  name: 'whole',
  queue: 'high_priority',
  payload: z.strictObject({
    parts: z.array(part.payload).default([]),
    canvas: z.boolean().default(false),
    depth: z.int().default(0),
    /** It waits only when its parts are over. */
    slow: z.boolean().default(false),
  }),
  result: z.array(z.string()),
});
const holder = defineTask({
  name: 'holder',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.null(),
  retry: { max: 0 },
});

/** Longer than any test: what waits for it to be over was not woken. Milliseconds. */
const hourMs = 3_600_000;

@Injectable()
class Handlers {
  static held: { go: () => void; context?: TaskContext } = { go: () => {} };
  static outcome: unknown;

  constructor(
    private readonly database: DataSource,
    private readonly tasks: TaskClient,
  ) {}

  @HandlesTask(part)
  async part(how: Payload<typeof part>, { signal }: TaskContext) {
    if (how === 'fail') throw new PermanentTaskError('broken', 'It is broken.');
    if (how === 'hang') await new Promise((_, no) => signal.addEventListener('abort', no));
    return how;
  }

  @HandlesTask(whole)
  async whole({ parts, canvas, depth, slow }: Payload<typeof whole>, { taskId }: TaskContext) {
    const waiterId = taskId;
    const sent = await this.partsOf(taskId);
    if (sent.length === 0) {
      await inTransaction(this.database, async (tx) => {
        for (const how of parts) {
          const delayMs = how === 'late' ? hourMs : 0;
          await this.tasks.send(tx, part, how, { waiterId, delayMs });
        }
        const both = chain(group(si(part, 'succeed'), si(part, 'succeed')), si(part, 'succeed'));
        if (canvas) await this.tasks.sendCanvas(tx, both, { waiterId });
        if (depth > 0) await this.tasks.send(tx, whole, { parts, depth: depth - 1 }, { waiterId });
      });
    }
    if (slow) {
      const over = async () => (await this.partsOf(taskId)).every(({ state }) => isFinal(state));
      await eventually('the parts are over', over);
    }
    const now = await this.partsOf(taskId);
    if (sent.length > 0 && now.every(({ state }) => isFinal(state))) {
      return now.map(({ state }) => state);
    }
    const code = 'waits';
    throw new Snooze(hourMs, { code, message: 'It waits.', patienceMs: 24 * hourMs });
  }

  @HandlesTask(holder)
  async hold(_: null, context: TaskContext) {
    const { held } = Handlers;
    await new Promise<void>((go) => Object.assign(held, { go, context }));
    const write = inTransaction(this.database, (tx) => context.hold(tx));
    Handlers.outcome = await write.then(
      () => 'held',
      (error: unknown) => error,
    );
    return null;
  }

  private partsOf(waiterId: string): Promise<TaskEntity[]> {
    return this.database.manager.find(TaskEntity, { where: { waiterId }, order: { id: 'ASC' } });
  }
}

onBothQueueEngines('a task that waits for others', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers] });
  });
  beforeEach(() => {
    Handlers.held = { go: () => {} };
    Handlers.outcome = undefined;
  });
  afterAll(() => lab.close());

  const waits = (id: string) =>
    eventually(`${id} waits`, async () => {
      const { state, error, attempt } = await lab.task(id);
      return state === 'PENDING' && error?.code === 'waits' && attempt;
    });
  const partsOf = (waiterId: string) =>
    lab.database.manager.find(TaskEntity, { where: { waiterId }, order: { id: 'ASC' } });

  it('goes on as soon as they are over, however they ended', async () => {
    const id = await lab.send(whole, { parts: ['succeed', 'fail', 'late'] });
    await waits(id);
    const late = (await partsOf(id)).find(({ payload }) => payload === 'late')!;
    await lab.client.revoke(late.id);
    const task = await lab.finished(id);
    expect([task.state, task.result, task.retries]).toEqual([
      'SUCCESS',
      ['SUCCESS', 'FAILURE', 'REVOKED'],
      0,
    ]);
  });

  it('goes on when they were over before it began to wait', async () => {
    const id = await lab.send(whole, { parts: ['succeed'], slow: true });
    const task = await lab.finished(id);
    expect([task.state, task.result, task.attempt]).toEqual(['SUCCESS', ['SUCCESS'], 2]);
  });

  it('may wait for a canvas', async () => {
    const id = await lab.send(whole, { canvas: true });
    expect((await lab.finished(id)).result).toEqual(['SUCCESS']);
  });

  it('is woken by the end of a task that never ran', async () => {
    const id = await lab.send(whole, { parts: ['late'] });
    await waits(id);
    const [late] = await partsOf(id);
    await lab.database.query(`UPDATE tasks SET expires_at = now() WHERE id = $1`, [late!.id]);
    await lab.makeDue(late!.id);
    expect((await lab.finished(id)).result).toEqual(['REVOKED']);
  });

  it('takes what it waits for with it when it is revoked', async () => {
    const id = await lab.send(whole, { parts: ['late', 'hang'], depth: 1 });
    await waits(id);
    const child = (await partsOf(id)).find(({ name }) => name === 'whole')!;
    await waits(child.id);
    const [revoked] = await lab.client.revoke(id);
    expect(revoked!.outcome).toBe('revoked');
    const all = [id, child.id, ...(await partsOf(id)), ...(await partsOf(child.id))];
    expect(all).toHaveLength(7);
    for (const one of all) {
      const task = await lab.finished(typeof one === 'string' ? one : one.id);
      expect(task.state).toBe('REVOKED');
    }
  });

  it('keeps one place in the queue, however often it is woken', async () => {
    const id = await lab.send(whole, { parts: ['late', 'late', 'late'] });
    await waits(id);
    for (const late of await partsOf(id)) {
      const before = await waits(id);
      await lab.client.revoke(late.id);
      await eventually('it has looked', async () => (await lab.task(id)).attempt > before);
    }
    expect((await lab.finished(id)).attempt).toBeGreaterThanOrEqual(4);
    const queue = lab.hints.of('high_priority');
    await eventually('no hint of it is left', async () => {
      const jobs = await queue.getJobs(['waiting', 'prioritized', 'delayed', 'active']);
      return jobs.every((job) => job?.data.taskId !== id);
    });
  });

  it('does not wake another task that waits for its own time', async () => {
    const waiterId = await lab.send(part, 'late', { id: uuidv7(), delayMs: hourMs });
    await lab.finished(await lab.send(part, 'succeed', { waiterId }));
    expect((await lab.task(waiterId)).runAt.getTime()).toBeGreaterThan(Date.now() + hourMs / 2);
    await lab.client.revoke(waiterId);
  });

  it('writes rows only while its attempt has the task', async () => {
    const began = () => eventually('it has begun', async () => Handlers.held.context);
    const kept = await lab.send(holder, null);
    await began();
    Handlers.held.go();
    await lab.finished(kept);
    expect(Handlers.outcome).toBe('held');
    Handlers.held = { go: () => {} };
    const revoked = await lab.send(holder, null);
    await began();
    await lab.client.revoke(revoked);
    Handlers.held.go();
    await eventually('it was refused', async () => Handlers.outcome !== 'held');
    expect(Handlers.outcome).toBeInstanceOf(LeaseLost);
  });
});
