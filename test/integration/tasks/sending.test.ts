import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { inTransaction } from '../../../src/infrastructure/database/transaction.js';
import { TaskClient } from '../../../src/tasks/task-client.js';
import { InvalidPayloadError } from '../../../src/tasks/task-payload.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const note = defineTask({
  name: 'note',
  queue: 'low_priority',
  payload: z.strictObject({ text: z.string() }),
  result: z.string(),
});

@Injectable()
class Notes {
  readonly seen: string[] = [];

  @HandlesTask(note)
  async handle({ text }: { text: string }) {
    this.seen.push(text);
    return text;
  }
}

onBothQueueEngines('sending', (engine) => {
  let lab: TaskLab;
  before(async () => {
    lab = await openTaskLab(engine, { providers: [Notes], serve: ['low_priority'] });
  });
  after(() => lab.close());
  const count = async () => (await lab.database.query('SELECT count(*)::int AS n FROM tasks'))[0].n;

  describe('joins the transaction of the caller', () => {
    it('which commits: the task runs, and not before', async () => {
      const client = lab.get(TaskClient);
      const id = await inTransaction(lab.database, async (tx) => {
        const { id: sent } = await client.send(tx, note, { text: 'committed' });
        assert.equal(await lab.hints.of('low_priority').getJob(sent), undefined);
        return sent;
      });
      assert.equal((await lab.finished(id)).state, 'SUCCESS');
    });

    it('which rolls back: the task never was', async () => {
      const client = lab.get(TaskClient);
      let id = '';
      const rolledBack = inTransaction(lab.database, async (tx) => {
        ({ id } = await client.send(tx, note, { text: 'rolled back' }));
        throw new Error('no');
      });
      await assert.rejects(rolledBack, /no/);
      const next = await lab.send(note, { text: 'after the rollback' });
      await lab.finished(next);
      assert.equal(await lab.hints.of('low_priority').getJob(id), undefined);
      assert.equal(lab.get(Notes).seen.includes('rolled back'), false);
      await assert.rejects(lab.task(id));
    });

    it('also from a savepoint: handed over at the outer commit only', async () => {
      const client = lab.get(TaskClient);
      const id = await inTransaction(lab.database, async (tx) => {
        const { id: sent } = await tx.transaction((inner) =>
          client.send(inner, note, { text: 'nested' }),
        );
        assert.equal(await lab.hints.of('low_priority').getJob(sent), undefined);
        return sent;
      });
      assert.equal((await lab.finished(id)).state, 'SUCCESS');
    });
  });

  const wrong: [string, unknown][] = [
    ['a wrong type', { text: 1 }],
    ['an unknown field', { text: 'x', more: 1 }],
    ['nothing', undefined],
    ['over 64 KB', { text: 'x'.repeat(64 * 1024) }],
  ];
  for (const [what, payload] of wrong) {
    it(`stores nothing for a payload with ${what}`, async () => {
      const before = await count();
      await assert.rejects(lab.send(note, payload as { text: string }), InvalidPayloadError);
      assert.equal(await count(), before);
    });
  }

  for (const priority of [-1, 10, 1.5]) {
    it(`refuses priority ${priority}`, async () => {
      await assert.rejects(lab.send(note, { text: 'x' }, { priority }), RangeError);
    });
  }

  it('refuses a delay together with a moment', async () => {
    const both = { delayMs: 1, runAt: new Date() };
    await assert.rejects(lab.send(note, { text: 'x' }, both), RangeError);
  });

  it('stores one task for an id that is sent twice', async () => {
    const id = '01890000-0000-7000-8000-0000000000aa';
    await lab.send(note, { text: 'first' }, { id });
    await lab.send(note, { text: 'second' }, { id });
    const task = await lab.finished(id);
    assert.deepEqual([task.result, task.attempt], ['first', 1]);
  });

  it('takes a queue other than the definition’s', async () => {
    const id = await lab.send(note, { text: 'elsewhere' }, { queue: 'high_priority' });
    const job = await eventually('a hint', () => lab.hints.of('high_priority').getJob(id));
    assert.deepEqual(job.data, { v: 1, taskId: id });
    assert.equal((await lab.task(id)).queue, 'high_priority');
  });

  it('keeps owner and correlation id', async () => {
    const ownerId = '01890000-0000-7000-8000-000000000001';
    const id = await lab.send(note, { text: 'mine' }, { ownerId, correlationId: 'abc' });
    const task = await lab.finished(id);
    assert.equal(task.ownerId, ownerId);
    assert.equal(task.correlationId, 'abc');
  });
});
