import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { chain, chord, group, s, si } from '../../../src/tasks/canvas/signatures.js';
import { completeWith, type TaskContext } from '../../../src/tasks/task-context.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import {
  RetryableTaskError,
  TaskRevoked,
  TaskRevokedError,
  taskErrorReport,
} from '../../../src/tasks/task-errors.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
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
  payload: z.enum(['obeys', 'ignores', 'succeeds', 'fails', 'writes']),
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
  before(async () => {
    lab = await openTaskLab(engine, {
      providers: [Handlers],
      serve: ['normal_priority'],
      settings: { workerConcurrency: 8 },
    });
    handlers = lab.get(Handlers);
  });
  after(() => lab.close());

  it('a delayed task never runs, and says so to who waits for it', async () => {
    const id = await lab.send(quick, 1, { delayMs: 25_000 });
    const waits = lab.client.result(id, quick).get({ timeoutMs: 20_000 });
    const expected = assert.rejects(waits, TaskRevokedError);
    assert.deepEqual(await lab.client.revoke(id), [{ id, outcome: 'revoked', state: 'REVOKED' }]);
    await expected;
    const task = await lab.task(id);
    assert.equal(task.error?.code, 'revoked');
    assert.ok(task.finishedAt);
    assert.deepEqual(await lab.ledger.claim(id, 'late'), { kind: 'over' });
    assert.equal(handlers.ran.includes(1), false);
  });

  it('again changes nothing; a finished one stays; an unknown one is named', async () => {
    const finished = await lab.send(quick, 2);
    await lab.finished(finished);
    const revoked = await lab.send(quick, 3, { delayMs: 25_000 });
    await lab.client.revoke(revoked);
    const before = [await lab.task(finished), await lab.task(revoked)];
    const unknown = uuidv7();
    assert.deepEqual(await lab.client.revoke([finished, unknown, 'no id', revoked]), [
      { id: finished, outcome: 'finished', state: 'SUCCESS' },
      { id: unknown, outcome: 'unknown', state: null },
      { id: 'no id', outcome: 'unknown', state: null },
      { id: revoked, outcome: 'finished', state: 'REVOKED' },
    ]);
    assert.deepEqual([await lab.task(finished), await lab.task(revoked)], before);
  });

  it('a retrying task does not come back', async () => {
    const id = await lab.send(hiccup, null);
    await lab.reaches(id, 'RETRY');
    const [answer] = await lab.client.revoke(id);
    assert.equal(answer!.outcome, 'revoked');
    assert.equal((await lab.task(id)).attempt, 1);
  });

  for (const how of ['obeys', 'ignores', 'succeeds', 'fails', 'writes'] as const) {
    it(`a running task whose handler ${how} ends as REVOKED`, async () => {
      const id = await lab.send(waiting, how);
      await lab.reaches(id, 'STARTED');
      const [answer] = await lab.client.revoke(id, { graceMs: 100 });
      assert.deepEqual(answer, { id, outcome: 'stopping', state: 'STARTED' });
      const task = await lab.finished(id);
      assert.deepEqual([task.state, task.error?.code], ['REVOKED', 'revoked']);
      assert.equal(task.result, null);
      assert.equal(handlers.written, 0);
      if (how !== 'ignores') assert.ok(handlers.reasons.at(-1) instanceof TaskRevoked);
    });
  }

  it('a running task whose worker did not hear of it is stopped by its lease', async () => {
    const id = await lab.send(waiting, 'obeys');
    await lab.reaches(id, 'STARTED');
    await lab.database.query(
      `UPDATE tasks SET revoke_requested_at = now(),
              revoke_requested = '{"terminate":false,"signal":"SIGTERM","graceMs":100}'
        WHERE id = $1`,
      [id],
    );
    assert.equal((await lab.finished(id)).state, 'REVOKED');
  });

  it('a task whose worker died in the meantime never runs again', async () => {
    const id = await lab.send(quick, 4, { delayMs: 25_000 });
    await lab.database.query(
      `UPDATE tasks SET state = 'STARTED', attempt = 1, run_at = now(),
              lease_until = now() - interval '1 s', revoke_requested_at = now(),
              revoke_requested = '{"terminate":false,"signal":"SIGTERM","graceMs":0}' WHERE id = $1`,
      [id],
    );
    await (await lab.hints.of('normal_priority').getJob(id))!.promote();
    assert.equal((await lab.finished(id)).state, 'REVOKED');
    assert.equal(handlers.ran.includes(4), false);
  });

  it('a canvas: what has not ended is revoked, what runs is stopped, what has ended stays', async () => {
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
    assert.deepEqual(answer, { id: sent.id, outcome: 'stopping', state: 'REVOKED' });
    await assert.rejects(sent.get({ timeoutMs: 20_000 }), TaskRevokedError);
    const over = await eventually('all of it is over', async () => {
      const states: { name: string; state: string }[] = await nodes();
      return states.every(({ state }) => !['PENDING', 'STARTED'].includes(state)) && states;
    });
    assert.equal(over.filter(({ state }) => state === 'SUCCESS').length, 2);
    assert.equal(over.filter(({ state }) => state === 'REVOKED').length, over.length - 2);
    // REVOKED is no failure: nobody is called back.
    assert.equal(
      over.some(({ name }) => name === blame.name),
      false,
    );
  });

  it('one part of a group: the group fails, and the body names it', async () => {
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
    assert.deepEqual([root.state, root.error?.code], ['FAILURE', 'chord_error']);
    assert.equal(root.error?.task_id, part.id);
  });
});
