import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { inTransaction } from '../../../src/infrastructure/database/transaction.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
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
  before(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers], serve: ['normal_priority'] });
  });
  after(() => lab.close());
  const count = async (user: string): Promise<number> =>
    (
      await lab.database.query(`SELECT count(*)::int AS n FROM tasks WHERE payload->>'user' = $1`, [
        user,
      ])
    )[0].n;

  it('fifty senders at once get one task', async () => {
    const ids = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        lab.send(perUser, { user: 'ann', n }, { delayMs: 25_000 }),
      ),
    );
    assert.equal(new Set(ids).size, 1);
    assert.equal(await count('ann'), 1);
  });

  it('another key is another task', async () => {
    const ids = await Promise.all(
      ['bob', 'eve'].map((user) => lab.send(perUser, { user, n: 1 }, { delayMs: 25_000 })),
    );
    assert.notEqual(ids[0], ids[1]);
  });

  it('a key is free again when its task has ended', async () => {
    const first = await lab.send(perUser, { user: 'kim', n: 1 });
    await lab.finished(first);
    const second = await lab.send(perUser, { user: 'kim', n: 2 });
    assert.notEqual(second, first);
    assert.equal((await lab.finished(second)).result, 2);
  });

  it('a key is free again when its time is over', async () => {
    const first = await lab.send(short, null);
    assert.equal(await lab.send(short, null), first);
    await lab.database.query(
      `UPDATE task_once_keys SET expires_at = now() - interval '1 s' WHERE name = 'once_short'`,
    );
    assert.notEqual(await lab.send(short, null), first);
  });

  it('a sender that rolls back leaves the key to the next', async () => {
    const rolledBack = inTransaction(lab.database, async (tx) => {
      await lab.client.send(tx, perUser, { user: 'tom', n: 1 });
      throw new Error('no');
    });
    await assert.rejects(rolledBack, /no/);
    const id = await lab.send(perUser, { user: 'tom', n: 2 });
    assert.equal((await lab.finished(id)).result, 2);
    assert.equal(await count('tom'), 1);
  });

  it('refuses a key that is too long, and stores nothing', async () => {
    const user = 'x'.repeat(201);
    await assert.rejects(lab.send(perUser, { user, n: 1 }), RangeError);
    assert.equal(await count(user), 0);
  });
});
