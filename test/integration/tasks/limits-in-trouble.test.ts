import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { inTransaction } from '../../../src/infrastructure/database/transaction.js';
import { RateLimits } from '../../../src/tasks/limits/rate-limits.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const shapes = { queue: 'high_priority', payload: z.string(), result: z.null() } as const;
const lowered = defineTask({ name: 'lowered', ...shapes, concurrencyLimit: { limit: 1 } });
const keyed = defineTask({
  name: 'keyed by text',
  ...shapes,
  concurrencyLimit: { limit: 1, key: (text) => text },
});

@Injectable()
class Handlers {
  @HandlesTask(lowered)
  async lowered() {
    return null;
  }

  @HandlesTask(keyed)
  async keyed() {
    return null;
  }
}

onBothQueueEngines('limits when something is wrong', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Handlers], serve: ['high_priority'] });
  });
  afterAll(() => lab.close());

  it('tasks of dead workers do not wait for each other when a lowered limit is below their number', async () => {
    const ids = [uuidv7(), uuidv7()];
    for (const id of ids) {
      await lab.database.query(
        `INSERT INTO tasks (id, name, queue, priority, payload, state, attempt, worker,
                            lease_until, concurrency_key, created_at)
         VALUES ($1, 'lowered', 'high_priority', 5, '""', 'STARTED', 1, 'dead',
                 now() - interval '1 s', '', now() - interval '1 minute')`,
        [id],
      );
    }
    await lab.reconciler.reconcile();
    for (const id of ids) expect((await lab.finished(id)).state).toBe('SUCCESS');
  });

  it('a key that is too long does not keep its task from running', async () => {
    const task = await lab.finished(await lab.send(keyed, 'x'.repeat(201)));
    expect([task.state, task.concurrencyKey]).toEqual(['SUCCESS', '']);
  });

  it('tasks that look before their turn do not push their turns back', async () => {
    const rates = lab.get(RateLimits);
    const rate = { limit: 1, perMs: 10_000 };
    const look = () => inTransaction(lab.database, (tx) => rates.waitMs(tx, 'often', '', rate));
    await look();
    await inTransaction(lab.database, (tx) => rates.started(tx, 'often', '', rate, new Date()));
    for (let i = 0; i < 50; i++) expect(await look()).toBeLessThanOrEqual(60_000);
    const [row] = await lab.database.query(
      `SELECT extract(epoch FROM look_at - now())::float8 AS ahead FROM task_rates WHERE name = 'often'`,
    );
    about(`the next turn is in ${row.ahead} s`, () => expect(row.ahead <= 75).toBe(true));
  });
});
