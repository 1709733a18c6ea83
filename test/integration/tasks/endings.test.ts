import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { MessageBus } from '../../../src/infrastructure/queue/message-bus.js';
import { lockCanvas } from '../../../src/tasks/canvas/canvas-lock.js';
import { chain, group, si } from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { TaskEndings } from '../../../src/tasks/ending/task-endings.js';
import { revokedTopic, type RevokedTask } from '../../../src/tasks/ending/task-revocations.js';
import type { ClaimedTask } from '../../../src/tasks/ledger/ledger-rows.js';
import { atTestEnd } from '../../support/at-test-end.js';
import { eventually } from '../../support/eventually.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const shapes = { queue: 'normal_priority', payload: z.null(), result: z.null() } as const;
const step = defineTask({ name: 'endings_step', ...shapes });
const single = defineTask({ name: 'endings_single', ...shapes, once: { ttlMs: 3_600_000 } });
const failure = { code: 'x', message: 'x', retryable: false };

@Injectable()
class Handlers {
  @HandlesTask(step)
  async step() {
    return null;
  }

  @HandlesTask(single)
  async single() {
    return null;
  }
}

describe('the end of a task', () => {
  let lab: TaskLab;
  let endings: TaskEndings;
  /** What other processes were told. */
  const told: string[] = [];
  const stopped: RevokedTask[][] = [];
  beforeAll(async () => {
    lab = await openTaskLab('postgres', { providers: [Handlers], serve: [] });
    endings = lab.get(TaskEndings);
    const bus = lab.get(MessageBus);
    await bus.subscribe('tasks.finished', (news) => {
      for (const { taskId, state } of news as { taskId: string; state: string }[]) {
        told.push(`${taskId} ${state}`);
      }
    });
    await bus.subscribe(revokedTopic, (tasks) => void stopped.push(tasks as RevokedTask[]));
  });
  afterAll(() => lab.close());

  const claimed = async (id: string): Promise<ClaimedTask> => {
    const made = await lab.claims.claim(id, 'a test');
    expect(made.kind).toBe('claimed');
    return (made as { task: ClaimedTask }).task;
  };
  const change = (id: string, set: string) =>
    lab.database.query(`UPDATE tasks SET ${set} WHERE id = $1`, [id]);
  const parts = async (
    canvas: string,
  ): Promise<{ id: string; state: string; blocked: boolean }[]> =>
    lab.database.query(
      `SELECT id, state, blocked FROM tasks WHERE parent_id = $1 ORDER BY position`,
      [canvas],
    );
  const isTold = (id: string, state: string) =>
    eventually(`all processes are told that ${id} is ${state}`, () =>
      told.includes(`${id} ${state}`),
    );

  const ends: [state: string, end: (task: ClaimedTask) => Promise<unknown>][] = [
    ['SUCCESS', (task) => endings.succeed(task, null, null)],
    ['SUCCESS', (task) => endings.succeedWith(task, async () => null, null)],
    ['FAILURE', (task) => endings.fail(task, failure)],
    [
      'REVOKED',
      async (task) => {
        await change(task.id, 'revoke_requested_at = now()');
        return endings.confirmRevoked(task);
      },
    ],
    [
      'FAILURE',
      async (task) => {
        await change(task.id, `crashes = 99, lease_until = now() - interval '1 s'`);
        return endings.settle(task.id, 'poisoned');
      },
    ],
  ];
  for (const [n, [state, end]] of ends.entries()) {
    it(`is told to all processes, once it is the last of its attempt (${state}, ${n})`, async () => {
      const task = await claimed(await lab.send(step, null));
      expect(await end(task)).toBe(state);
      await isTold(task.id, state);
      const over = await lab.task(task.id);
      expect(over.state).toBe(state);
      expect(await endings.fail(task, failure)).toBe(undefined);
      expect(await lab.task(task.id)).toEqual(over);
    });

    it(`starts what follows in its canvas, or ends all of it (${state}, ${n})`, async () => {
      const canvas = await lab.sendCanvas(chain(si(step, null), si(step, null)));
      const [first] = await parts(canvas);
      expect(await end(await claimed(first!.id))).toBe(state);
      const [, next] = await parts(canvas);
      if (state === 'SUCCESS') {
        expect(next).toMatchObject({ state: 'PENDING', blocked: false });
        await end(await claimed(next!.id));
      }
      const root = await lab.task(canvas);
      expect(root.state).toBe(state);
      await isTold(canvas, root.state);
    });

    it(`is the end of a node that has joined it (${state}, ${n})`, async () => {
      const task = await claimed(await lab.send(single, null));
      const canvas = await lab.sendCanvas(chain(si(step, null), si(single, null)));
      const [first] = await parts(canvas);
      await endings.succeed(await claimed(first!.id), null, null);
      expect((await lab.task(canvas)).state).toBe('PENDING');
      expect(await end(task)).toBe(state);
      const [, joined] = await parts(canvas);
      expect(joined!.state).toBe(state);
    });
  }

  it('of an attempt that has lost its task writes no rows of the feature', async () => {
    const task = await claimed(await lab.send(step, null));
    await change(task.id, 'attempt = 2');
    let written = false;
    const write = async () => {
      written = true;
      return null;
    };
    expect(await endings.succeedWith(task, write, null)).toBe(undefined);
    expect(written).toBe(false);
  });

  it('is not settled while there is no reason, and of an unknown task never', async () => {
    const id = await lab.send(step, null);
    for (const because of ['expired', 'revoked', 'poisoned'] as const) {
      expect(await endings.settle(id, because)).toBe(undefined);
      expect(await endings.settle(uuidv7(), because)).toBe(undefined);
    }
    expect((await lab.task(id)).state).toBe('PENDING');
  });

  it('of a task that has expired tells how often it ran', async () => {
    const messageOf = async (attempt: number) => {
      const id = await lab.send(step, null);
      await change(id, `expires_at = now(), attempt = ${attempt}`);
      expect(await endings.settle(id, 'expired')).toBe('REVOKED');
      await isTold(id, 'REVOKED');
      return (await lab.task(id)).error?.message;
    };
    expect(await messageOf(0)).toBe('The task expired before it could run.');
    expect(await messageOf(1)).toBe('The task expired after 1 attempt that did not end.');
    expect(await messageOf(2)).toBe('The task expired after 2 attempts that did not end.');
  });

  it('of a task that must not run again is no reason to send it again', async () => {
    const poisoned = await lab.send(step, null);
    await claimed(poisoned);
    await change(poisoned, `crashes = 99, lease_until = now() - interval '1 s'`);
    await endings.settle(poisoned, 'poisoned');
    const expired = await lab.send(step, null);
    await change(expired, `expires_at = now()`);
    await endings.settle(expired, 'expired');
    const revoked = await lab.send(step, null);
    await change(revoked, `revoke_requested_at = now()`);
    await endings.settle(revoked, 'revoked');
    const errors = [poisoned, expired, revoked].map(async (id) => (await lab.task(id)).error);
    expect(await Promise.all(errors)).toMatchObject([
      { code: 'poison_task', retryable: false },
      { code: 'expired', retryable: false },
      { code: 'revoked', retryable: false },
    ]);
    expect((await lab.task(poisoned)).crashes).toBe(100);
  });

  const meanwhile: [
    who: string,
    mode: 'shared' | 'exclusive',
    act: (id: string) => Promise<unknown>,
  ][] = [
    [
      'a success waits for a revocation',
      'exclusive',
      async (id) => endings.succeed(await claimed(id), null, null),
    ],
    [
      'an expiry waits for a revocation',
      'exclusive',
      async (id) => {
        await change(id, 'expires_at = now()');
        return endings.settle(id, 'expired');
      },
    ],
    ['a revocation waits for an end', 'shared', (id) => lab.client.revoke(id)],
  ];
  for (const [who, mode, act] of meanwhile) {
    it(`in a canvas: ${who} that is being written`, async () => {
      const canvas = await lab.sendCanvas(chain(si(step, null), si(step, null)));
      const [first] = await parts(canvas);
      const acting = await lab.database.transaction(async (tx) => {
        await lockCanvas(tx, (await lab.task(first!.id)).canvasId!, mode);
        const promise = act(first!.id);
        await eventually('it waits', async () => {
          const waiting = await lab.database.query(
            `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
          );
          return waiting.length === 1;
        });
        expect((await lab.task(first!.id)).finishedAt).toBe(null);
        return [promise];
      });
      await acting[0];
      expect((await lab.task(first!.id)).finishedAt).not.toBe(null);
    });
  }

  it('by a process that died is the end of its lease, unless another has the task', async () => {
    const id = await lab.send(step, null);
    const first = await claimed(id);
    expect(await lab.leases.successor(first)).toBe(undefined);
    await lab.transitions.progress(first, { percent: 90 });
    expect(await lab.leases.crashed(first)).toBe(true);
    const second = await claimed(id);
    const { crashes, progress } = await lab.task(id);
    expect([second.attempt, crashes, progress]).toEqual([2, 1, null]);
    expect(await lab.leases.successor(first)).toBe('a test');
    expect(await lab.leases.successor(second)).toBe(undefined);
    expect(await lab.leases.crashed(first)).toBe(false);
    expect((await lab.claims.claim(id, 'another')).kind).toBe('later');
    expect(await endings.succeed(second, null, null)).toBe('SUCCESS');
  });

  it('by revocation is told to the workers that run the tasks, and to all who wait for the others', async () => {
    const running = await claimed(await lab.send(step, null));
    const waiting = await lab.send(step, null);
    const outcomes = await lab.client.revoke([running.id, waiting], { signal: 'SIGKILL' });
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['stopping', 'revoked']);
    await isTold(waiting, 'REVOKED');
    const request = { terminate: false, signal: 'SIGKILL', graceMs: 2_000 };
    await eventually('the worker is told', () => stopped.length > 0);
    expect(stopped.splice(0)).toEqual([[{ taskId: running.id, request }]]);
    expect(await lab.leases.renew([running])).toEqual(new Map([[running.id, request]]));
    // Once more, and the first time stays.
    const since = async () =>
      lab.database.query('SELECT revoke_requested_at FROM tasks WHERE id = $1', [running.id]);
    const before = await since();
    await lab.client.revoke(running.id);
    expect(await since()).toEqual(before);
    // Whatever its handler does, it has lost the task.
    expect(await endings.succeed(running, null, null)).toBe(undefined);
    expect(await endings.fail(running, failure)).toBe(undefined);
    expect(await lab.transitions.release(running)).toBe(false);
    expect(await endings.confirmRevoked(running)).toBe('REVOKED');
  });

  it('by revocation comes to all parts of a canvas, and to one part alone', async () => {
    const whole = await lab.sendCanvas(
      group(si(step, null), chain(si(step, null), si(step, null))),
    );
    const [first] = await parts(whole);
    const running = await claimed(first!.id);
    const [answer] = await lab.client.revoke(whole);
    expect(answer).toMatchObject({ outcome: 'stopping', state: 'REVOKED' });
    expect((await parts(whole)).map(({ state }) => state)).toEqual(['STARTED', 'REVOKED']);
    expect(await endings.confirmRevoked(running)).toBe('REVOKED');
    const some = await lab.sendCanvas(group(si(step, null), si(step, null)));
    const [one, other] = await parts(some);
    expect((await lab.client.revoke(one!.id))[0]!.outcome).toBe('revoked');
    expect((await parts(some)).map(({ state }) => state)[0]).toBe('REVOKED');
    expect((await lab.task(some)).state).toBe('PENDING');
    await endings.succeed(await claimed(other!.id), null, null);
    expect((await lab.task(some)).state).toBe('FAILURE');
  });

  it('by revocation is told in more than one message when there are many tasks', async () => {
    stopped.length = 0;
    const ids = Array.from({ length: 501 }, () => uuidv7());
    await lab.database.query(
      `INSERT INTO tasks (id, name, queue, priority, payload, state, attempt, worker, lease_until)
       SELECT id, 'endings_step', 'normal_priority', 5, 'null', 'STARTED', 1, 'x', now() + interval '1 hour'
         FROM unnest($1::uuid[]) AS id`,
      [ids],
    );
    atTestEnd(() => lab.database.query('DELETE FROM tasks WHERE id = ANY($1)', [ids]));
    await lab.client.revoke(ids);
    const all = () => stopped.flat().map(({ taskId }) => taskId);
    await eventually('all are told', () => all().length >= 501);
    expect(all().toSorted()).toEqual(ids.toSorted());
    expect(stopped.every((message) => message.length <= 500)).toBe(true);
  });
});
