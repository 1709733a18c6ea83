import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { pause } from '../../../src/common/deadline.js';
import { WorkerControl } from '../../../src/tasks/control/worker-control.js';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const rated = defineTask({
  name: 'rated',
  queue: 'normal_priority',
  payload: z.strictObject({ user: z.string() }),
  result: z.null(),
  rateLimit: { limit: 3, perMs: 400, key: ({ user }) => user },
});
const perUser = defineTask({
  name: 'per_user',
  queue: 'normal_priority',
  payload: z.strictObject({ user: z.string() }),
  result: z.int(),
  concurrencyLimit: { limit: 2, key: ({ user }) => user },
});
const held = defineTask({
  name: 'held',
  queue: 'normal_priority',
  payload: z.int(),
  result: z.null(),
  concurrencyLimit: { limit: 1 },
});
const free = defineTask({
  name: 'free',
  queue: 'normal_priority',
  payload: z.null(),
  result: z.null(),
});

/** Of all labs: what runs now, by user. */
const running = new Map<string, number>();
const letGo = new Map<number, () => void>();
const order: number[] = [];

@Injectable()
class Handlers {
  @HandlesTask(rated)
  async rated() {
    return null;
  }

  /** @returns how many of this user ran together when it began */
  @HandlesTask(perUser)
  async perUser({ user }: { user: string }) {
    const together = (running.get(user) ?? 0) + 1;
    running.set(user, together);
    // A busy machine takes a while to begin the next one beside it.
    for (let n = 0; n < 100 && running.get(user) === 1; n++) await pause(20);
    await pause(30);
    running.set(user, running.get(user)! - 1);
    return together;
  }

  @HandlesTask(held)
  async held(n: number, { signal }: TaskContext) {
    order.push(n);
    await new Promise<void>((resolve) => {
      letGo.set(n, resolve);
      signal.addEventListener('abort', () => resolve());
    });
    return null;
  }

  @HandlesTask(free)
  async free() {
    return null;
  }
}

onBothQueueEngines('limits with three workers', (engine) => {
  const labs: TaskLab[] = [];
  let lab: TaskLab;
  beforeAll(async () => {
    order.length = 0;
    letGo.clear();
    const options = { providers: [Handlers], settings: { workerConcurrency: 5 } };
    lab = await openTaskLab(engine, options);
    labs.push(lab);
    for (let n = 0; n < 2; n++) {
      labs.push(await openTaskLab(engine, { ...options, stores: lab.stores }));
    }
  });
  afterAll(async () => {
    for (const other of labs.toReversed()) await other.close();
  });
  const sendAll = <T>(list: T[], send: (item: T) => Promise<string>) => Promise.all(list.map(send));
  const starts = async (ids: string[]): Promise<number[]> => {
    const tasks = await lab.database.query(
      `SELECT extract(epoch FROM started_at)::float8 * 1000 AS at FROM tasks
        WHERE id = ANY($1) ORDER BY started_at`,
      [ids],
    );
    return tasks.map((task: { at: number }) => task.at);
  };

  it('never start more tasks of a key in any window than the rate limit allows', async () => {
    for (const user of ['ann', 'bob']) {
      const ids = await sendAll(Array.from({ length: 12 }), () => lab.send(rated, { user }));
      for (const id of ids) expect((await lab.finished(id)).state).toBe('SUCCESS');
      const at = await starts(ids);
      for (let i = 3; i < at.length; i++) {
        const window = at[i]! - at[i - 3]!;
        about(`start ${i} is ${window} ms after the third one before it`, () =>
          expect(window).toBeGreaterThanOrEqual(399.9),
        );
      }
    }
  });

  it('do not let one key hold up another key, or other tasks', async () => {
    // They take 16 s, far more than the two below.
    await sendAll(Array.from({ length: 120 }), () => lab.send(rated, { user: 'eve' }));
    const [other, unlimited] = [await lab.send(rated, { user: 'fay' }), await lab.send(free, null)];
    await lab.finished(other);
    await lab.finished(unlimited);
    const [{ waiting }] = await lab.database.query(
      `SELECT count(*)::int AS waiting FROM tasks
        WHERE payload->>'user' = 'eve' AND finished_at IS NULL`,
    );
    expect(waiting > 0).toBe(true);
    await lab.database.query(
      `UPDATE tasks SET state = 'REVOKED', finished_at = now()
        WHERE payload->>'user' = 'eve' AND state = 'PENDING'`,
    );
  });

  it('never run more tasks of a key at once than the concurrency limit allows', async () => {
    const users = Array.from({ length: 60 }, (_, i) => `user ${i % 3}`);
    const ids = await sendAll(users, (user) => lab.send(perUser, { user }));
    const together: number[] = [];
    for (const id of ids) together.push((await lab.finished(id)).result as number);
    expect(Math.max(...together)).toBe(2);
  });

  it('start the next task as soon as a place is free, most urgent first', async () => {
    const first = await lab.send(held, 0);
    await eventually('the first one runs', () => letGo.has(0));
    const slow = await lab.send(held, 1, { priority: 9 });
    const urgent = await lab.send(held, 2, { priority: 0 });
    await eventually('both wait for the place', async () => {
      const tasks = await Promise.all([lab.task(slow), lab.task(urgent)]);
      return tasks.every((task) => task.concurrencyKey !== null);
    });
    letGo.get(0)!();
    await eventually('the urgent one runs', () => letGo.has(2));
    expect(order).toEqual([0, 2]);
    letGo.get(2)!();
    await eventually('the other one runs', () => letGo.has(1));
    letGo.get(1)!();
    for (const id of [first, slow, urgent]) {
      expect((await lab.finished(id)).state).toBe('SUCCESS');
    }
  });

  it('apply a rate limit set at run time in all workers, even to a task that had none', async () => {
    const control = lab.get(WorkerControl);
    const set = await control.control.rateLimit('free', '2/s', { timeoutMs: 60_000 });
    expect([set.replies.length, set.missing]).toEqual([3, []]);
    const ids = await sendAll(Array.from({ length: 5 }), () => lab.send(free, null));
    for (const id of ids) await lab.finished(id);
    const at = await starts(ids);
    for (let i = 2; i < at.length; i++) expect(at[i]! - at[i - 2]!).toBeGreaterThanOrEqual(999.9);
    await control.control.rateLimit('free', null, { timeoutMs: 60_000 });
    const unlimited = await sendAll(Array.from({ length: 5 }), () => lab.send(free, null));
    for (const id of unlimited) await lab.finished(id);
    const [{ rates }] = await lab.database.query(
      `SELECT cardinality(starts)::int AS rates FROM task_rates WHERE name = 'free'`,
    );
    expect(rates <= 2).toBe(true);
  });
});
