import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { inTransaction } from '../../../src/infrastructure/database/transaction.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { InvalidPayloadError } from '../../../src/tasks/definitions/task-payload.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const perUser = defineTask({
  name: 'once_per_user',
  queue: 'normal_priority',
  payload: z.strictObject({ user: z.string(), n: z.int() }),
  result: z.int(),
  once: { key: ({ user }) => user, ttlMs: 60_000 },
});
const short = defineTask({
  name: 'once_short',
  queue: 'low_priority',
  payload: z.null(),
  result: z.null(),
  once: { ttlMs: 60_000 },
});

@Injectable()
class Handlers {
  @HandlesTask(perUser)
  async perUser({ n }: { n: number }) {
    return n;
  }

  @HandlesTask(short)
  async short() {
    return null;
  }
}

onBothQueueEngines('once', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers], serve: ['normal_priority'] });
  });
  afterAll(() => lab.close());
  const count = async (user: string): Promise<number> =>
    (
      await lab.database.query(`SELECT count(*)::int AS n FROM tasks WHERE payload->>'user' = $1`, [
        user,
      ])
    )[0].n;

  it('gives fifty senders at once the same task', async () => {
    const ids = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        lab.send(perUser, { user: 'ann', n }, { delayMs: 25_000 }),
      ),
    );
    expect(new Set(ids).size).toBe(1);
    expect(await count('ann')).toBe(1);
  });

  it('makes another task for another key', async () => {
    const ids = await Promise.all(
      ['bob', 'eve'].map((user) => lab.send(perUser, { user, n: 1 }, { delayMs: 25_000 })),
    );
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('frees a key when its task has ended', async () => {
    const first = await lab.send(perUser, { user: 'kim', n: 1 });
    await lab.finished(first);
    const second = await lab.send(perUser, { user: 'kim', n: 2 });
    expect(second).not.toBe(first);
    expect((await lab.finished(second)).result).toBe(2);
  });

  it('frees a key when its time is over', async () => {
    const first = await lab.send(short, null);
    expect(await lab.send(short, null)).toBe(first);
    await lab.database.query(
      `UPDATE task_once_keys SET expires_at = now() - interval '1 s' WHERE name = 'once_short'`,
    );
    expect(await lab.send(short, null)).not.toBe(first);
  });

  it('leaves the key to the next sender when one rolls back', async () => {
    const rolledBack = inTransaction(lab.database, async (tx) => {
      await lab.client.send(tx, perUser, { user: 'tom', n: 1 });
      throw new Error('no');
    });
    await expect(rolledBack).rejects.toThrow(/no/);
    const id = await lab.send(perUser, { user: 'tom', n: 2 });
    expect((await lab.finished(id)).result).toBe(2);
    expect(await count('tom')).toBe(1);
  });

  it('refuses a key that is too long, and stores nothing', async () => {
    const user = 'x'.repeat(201);
    await expect(lab.send(perUser, { user, n: 1 })).rejects.toThrow(InvalidPayloadError);
    expect(await count(user)).toBe(0);
  });
});
