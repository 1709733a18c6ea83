import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { UnavailableError } from '../../../src/common/app-error.js';
import { MessageBus } from '../../../src/infrastructure/queue/message-bus.js';
import { group, si } from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { TaskEndings } from '../../../src/tasks/task-endings.js';
import { PermanentTaskError } from '../../../src/tasks/task-errors.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const shapes = { queue: 'high_priority', payload: z.null(), result: z.null() } as const;
const cut = defineTask({ name: 'cut', ...shapes });
const done = defineTask({ name: 'done', ...shapes, retry: { max: 0 } });

@Injectable()
class Handlers {
  @HandlesTask(cut)
  async cut(): Promise<null> {
    throw new PermanentTaskError('bad_prompt', `No: ${'a😀'.slice(0, 2)}\0`);
  }

  @HandlesTask(done)
  async done() {
    return null;
  }
}

onBothQueueEngines('ends of attempts, when something is wrong', (engine) => {
  let lab: TaskLab;
  before(async () => {
    const settings = { leaseMs: 1_000, reconcileMs: 500 };
    lab = await openTaskLab(engine, { providers: [Handlers], serve: ['high_priority'], settings });
  });
  after(() => lab.close());

  it('an error whose text Postgres cannot keep ends its task all the same', async () => {
    const task = await lab.finished(await lab.send(cut, null));
    assert.deepEqual([task.state, task.attempt], ['FAILURE', 1]);
    assert.deepEqual(task.error, {
      code: 'bad_prompt',
      message: 'No: a\uFFFD\uFFFD',
      retryable: false,
    });
  });

  it('a ledger that is away when the handler is done makes no failure of it', async () => {
    const endings = lab.get(TaskEndings);
    const away = Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
    Object.defineProperty(endings, 'succeed', {
      configurable: true,
      value: async () => {
        Reflect.deleteProperty(endings, 'succeed');
        throw new UnavailableError('The database is not available just now.', away);
      },
    });
    const task = await lab.finished(await lab.send(done, null));
    assert.deepEqual([task.state, task.retries, task.crashes], ['SUCCESS', 0, 0]);
  });

  it('revoking a running task does not wait for a store that is away', async () => {
    const id = uuidv7();
    await lab.database.query(
      `INSERT INTO tasks (id, name, queue, priority, payload, state, attempt, worker, lease_until)
       VALUES ($1, 'done', 'high_priority', 5, 'null', 'STARTED', 1, 'gone', now() + interval '1 hour')`,
      [id],
    );
    const bus = lab.get(MessageBus);
    Object.defineProperty(bus, 'publish', {
      configurable: true,
      value: () => new Promise(() => {}),
    });
    const [revoked] = await lab.client.revoke(id);
    Reflect.deleteProperty(bus, 'publish');
    assert.equal(revoked?.outcome, 'stopping');
  });

  it('get takes any number of milliseconds', async () => {
    const id = await lab.send(done, null, { delayMs: 60_000 });
    for (const timeoutMs of [0.5, -3]) {
      await assert.rejects(lab.client.result(id).get({ timeoutMs }), { name: 'TaskTimeoutError' });
    }
    const waiting = lab.client.result(id).get({ timeoutMs: Infinity });
    await lab.makeDue(id);
    assert.equal(await waiting, null);
  });

  it('a part that says when it runs takes no delay from its group', async () => {
    const runAt = new Date(Date.now() + 3_600_000);
    const id = await lab.sendCanvas(
      group(si(done, null).set({ runAt }), si(done, null)).set({ delayMs: 60_000 }),
    );
    const parts = await lab.client.groupResult(id).parts();
    const own = await lab.task(parts[0]!.id);
    assert.equal(own.runAt.getTime(), runAt.getTime());
  });
});
