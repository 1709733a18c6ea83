import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { UnavailableError } from '../../../src/common/app-error.js';
import { MessageBus } from '../../../src/infrastructure/queue/message-bus.js';
import { group, si } from '../../../src/tasks/canvas/signatures.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { TaskEndings } from '../../../src/tasks/ending/task-endings.js';
import { PermanentTaskError } from '../../../src/tasks/definitions/task-errors.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
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

onBothQueueEngines('attempts that end while something is wrong', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    const settings = { leaseMs: 3_000, reconcileMs: 500 };
    lab = await openTaskLab(engine, { providers: [Handlers], serve: ['high_priority'], settings });
  });
  afterAll(() => lab.close());

  it('an error whose text Postgres cannot keep ends its task all the same', async () => {
    const task = await lab.finished(await lab.send(cut, null));
    expect([task.state, task.attempt]).toEqual(['FAILURE', 1]);
    expect(task.error).toEqual({
      code: 'bad_prompt',
      message: 'No: a\uFFFD\uFFFD',
      retryable: false,
    });
  });

  it('an unreachable ledger does not turn a finished handler into a FAILURE', async () => {
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
    expect([task.state, task.retries, task.crashes]).toEqual(['SUCCESS', 0, 0]);
  });

  it('revoking a running task does not wait for an unreachable store', async () => {
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
    expect(revoked?.outcome).toBe('stopping');
  });

  it('get accepts any number of milliseconds', async () => {
    const id = await lab.send(done, null, { delayMs: 60_000 });
    for (const timeoutMs of [0.5, -3]) {
      await expect(lab.client.result(id).get({ timeoutMs })).rejects.toMatchObject({
        name: 'TaskTimeoutError',
      });
    }
    const waiting = lab.client.result(id).get({ timeoutMs: Infinity });
    await lab.makeDue(id);
    expect(await waiting).toBe(null);
  });

  it("a part with a time of its own does not take its group's delay", async () => {
    const runAt = new Date(Date.now() + 3_600_000);
    const id = await lab.sendCanvas(
      group(si(done, null).set({ runAt }), si(done, null)).set({ delayMs: 60_000 }),
    );
    const parts = await lab.client.groupResult(id).parts();
    const own = await lab.task(parts[0]!.id);
    expect(own.runAt.getTime()).toBe(runAt.getTime());
  });
});
