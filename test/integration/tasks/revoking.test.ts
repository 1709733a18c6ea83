import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { chain, chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { completeWith, type TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import {
  RetryableTaskError,
  SoftTimeLimitExceeded,
  TaskRevoked,
  TaskRevokedError,
  taskErrorReport,
} from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const quick = defineTask({
  name: 'quick',
  queue: 'normal_priority',
  payload: z.int(),
  result: z.int(),
});
const waiting = defineTask({
  name: 'waiting',
  queue: 'normal_priority',
  payload: z.enum(['obeys', 'ignores', 'succeeds', 'fails', 'writes', 'goes_on']),
  result: z.int(),
});
const hiccup = defineTask({
  name: 'hiccup',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.null(),
});
const sum = defineTask({
  name: 'revoke_sum',
  queue: 'normal_priority',
  payload: z.array(z.int()),
  result: z.int(),
});
const blame = defineTask({
  name: 'revoke_blame',
  queue: 'normal_priority',
  payload: taskErrorReport,
  result: z.null(),
});

@Injectable()
class Handlers {
  ran: number[] = [];
  written = 0;
  reasons: unknown[] = [];

  @HandlesTask(quick)
  async quick(n: number) {
    this.ran.push(n);
    return n;
  }

  @HandlesTask(waiting)
  async waiting(how: z.output<typeof waiting.payload>, { signal }: TaskContext) {
    if (how === 'ignores') return new Promise<number>(() => {});
    await once(signal, 'abort');
    this.reasons.push(signal.reason);
    if (how === 'goes_on') return new Promise<number>(() => {});
    if (how === 'obeys') throw signal.reason;
    if (how === 'fails') throw new Error('torn apart');
    if (how === 'writes') {
      return completeWith(async () => {
        this.written++;
        return 1;
      });
    }
    return 1;
  }

  @HandlesTask(hiccup)
  async hiccup(): Promise<null> {
    throw new RetryableTaskError('hiccup', 'Again later.');
  }

  @HandlesTask(sum)
  async sum(numbers: number[]) {
    return numbers.reduce((a, b) => a + b, 0);
  }

  @HandlesTask(blame)
  async blame() {
    return null;
  }
}

onBothQueueEngines('revoking', (engine) => {
  let lab: TaskLab;
  let handlers: Handlers;
  beforeAll(async () => {
    lab = await openTaskLab(engine, {
      providers: [Handlers],
      serve: ['normal_priority'],
      settings: { workerConcurrency: 8 },
    });
    handlers = lab.get(Handlers);
  });
  afterAll(() => lab.close());

  it('stops a delayed task from ever running, and tells those who wait for it', async () => {
    const id = await lab.send(quick, 1, { delayMs: 25_000 });
    const waits = lab.client.result(id, quick).get({ timeoutMs: 300_000 });
    const expected = expect(waits).rejects.toThrow(TaskRevokedError);
    expect(await lab.client.revoke(id)).toEqual([{ id, outcome: 'revoked', state: 'REVOKED' }]);
    await expected;
    const task = await lab.task(id);
    expect(task.error?.code).toBe('revoked');
    expect(task.finishedAt).toBeTruthy();
    expect(await lab.claims.claim(id, 'late')).toEqual({ kind: 'over' });
    expect(handlers.ran.includes(1)).toBe(false);
  });

  it('changes nothing the second time or after the end, and reports an unknown id', async () => {
    const finished = await lab.send(quick, 2);
    await lab.finished(finished);
    const revoked = await lab.send(quick, 3, { delayMs: 25_000 });
    await lab.client.revoke(revoked);
    const before = [await lab.task(finished), await lab.task(revoked)];
    const unknown = uuidv7();
    expect(await lab.client.revoke([finished, unknown, 'no id', revoked])).toEqual([
      { id: finished, outcome: 'finished', state: 'SUCCESS' },
      { id: unknown, outcome: 'unknown', state: null },
      { id: 'no id', outcome: 'unknown', state: null },
      { id: revoked, outcome: 'finished', state: 'REVOKED' },
    ]);
    expect([await lab.task(finished), await lab.task(revoked)]).toEqual(before);
  });

  it('stops a retrying task from coming back', async () => {
    const id = await lab.send(hiccup, null);
    await lab.reaches(id, 'RETRY');
    const [answer] = await lab.client.revoke(id);
    expect(answer!.outcome).toBe('revoked');
    expect((await lab.task(id)).attempt).toBe(1);
  });

  for (const how of ['obeys', 'ignores', 'succeeds', 'fails', 'writes'] as const) {
    it(`ends a running task whose handler ${how} as REVOKED`, async () => {
      const id = await lab.send(waiting, how);
      await lab.reaches(id, 'STARTED');
      const [answer] = await lab.client.revoke(id, { graceMs: 100 });
      expect(answer).toEqual({ id, outcome: 'stopping', state: 'STARTED' });
      const task = await lab.finished(id);
      expect([task.state, task.error?.code]).toEqual(['REVOKED', 'revoked']);
      expect(task.result).toBe(null);
      expect(handlers.written).toBe(0);
      if (how !== 'ignores') expect(handlers.reasons.at(-1)).toBeInstanceOf(TaskRevoked);
    });
  }

  it('stops a handler that continues after its soft limit, whether the worker is told or finds out', async () => {
    for (const told of [true, false]) {
      handlers.reasons.splice(0);
      const id = await lab.send(waiting, 'goes_on', { softTimeLimitMs: 20 });
      await eventually('its soft limit fired', () => handlers.reasons.length > 0);
      expect(handlers.reasons[0]).toBeInstanceOf(SoftTimeLimitExceeded);
      if (told) await lab.client.revoke(id, { graceMs: 100, terminate: true });
      else {
        await lab.database.query(
          `UPDATE tasks SET revoke_requested_at = now(),
                  revoke_requested = '{"terminate":false,"signal":"SIGTERM","graceMs":100}'
            WHERE id = $1`,
          [id],
        );
      }
      const task = await lab.finished(id);
      expect([task.state, task.error?.code]).toEqual(['REVOKED', 'revoked']);
    }
  });

  it('stops a running task through its lease when its worker did not hear of it', async () => {
    const id = await lab.send(waiting, 'obeys');
    await lab.reaches(id, 'STARTED');
    await lab.database.query(
      `UPDATE tasks SET revoke_requested_at = now(),
              revoke_requested = '{"terminate":false,"signal":"SIGTERM","graceMs":100}'
        WHERE id = $1`,
      [id],
    );
    expect((await lab.finished(id)).state).toBe('REVOKED');
  });

  it('keeps a task whose worker died meanwhile from running again', async () => {
    const id = await lab.send(quick, 4, { delayMs: 25_000 });
    await lab.database.query(
      `UPDATE tasks SET state = 'STARTED', attempt = 1, run_at = now(),
              lease_until = now() - interval '1 s', revoke_requested_at = now(),
              revoke_requested = '{"terminate":false,"signal":"SIGTERM","graceMs":0}' WHERE id = $1`,
      [id],
    );
    await (await lab.hints.of('normal_priority').getJob(id))!.promote();
    expect((await lab.finished(id)).state).toBe('REVOKED');
    expect(handlers.ran.includes(4)).toBe(false);
  });

  it('revokes the waiting tasks of a canvas, stops the running ones, and keeps the finished ones', async () => {
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      chain(
        si(quick, 5),
        chord(
          group(s(quick), si(waiting, 'obeys'), chain(si(waiting, 'ignores'), s(quick))),
          s(sum),
        ),
        s(quick),
      ).linkError(s(blame)),
    );
    const nodes = async () =>
      lab.database.query(`SELECT name, state FROM tasks WHERE canvas_id = $1 ORDER BY id`, [
        sent.id,
      ]);
    const running = async () =>
      (await nodes()).filter((node: { state: string }) => node.state === 'STARTED').length === 2;
    await eventually('two parts run', running);
    await eventually('the third one is over', async () => {
      const states = await nodes();
      return states.filter((node: { state: string }) => node.state === 'SUCCESS').length === 2;
    });
    const answer = await sent.revoke({ graceMs: 100 });
    expect(answer).toEqual({ id: sent.id, outcome: 'stopping', state: 'REVOKED' });
    await expect(sent.get({ timeoutMs: 300_000 })).rejects.toThrow(TaskRevokedError);
    const over = await eventually('all of it is over', async () => {
      const states: { name: string; state: string }[] = await nodes();
      return states.every(({ state }) => !['PENDING', 'STARTED'].includes(state)) && states;
    });
    expect(over.filter(({ state }) => state === 'SUCCESS').length).toBe(2);
    expect(over.filter(({ state }) => state === 'REVOKED').length).toBe(over.length - 2);
    // REVOKED is no failure: nobody is called back.
    expect(over.some(({ name }) => name === blame.name)).toBe(false);
  });

  it('fails a group when one part is revoked, and the body names the part', async () => {
    const sent = await lab.client.sendCanvas(
      lab.database.manager,
      chord(group(si(quick, 6), si(quick, 7).set({ delayMs: 25_000 })), s(sum)),
    );
    const [part] = await lab.database.query(
      `SELECT id FROM tasks WHERE canvas_id = $1 AND name = 'quick' AND run_at > now() + interval '5 s'`,
      [sent.id],
    );
    await lab.client.revoke(part.id);
    const root = await lab.finished(sent.id);
    expect([root.state, root.error?.code]).toEqual(['FAILURE', 'chord_error']);
    expect(root.error?.task_id).toBe(part.id);
  });
});
