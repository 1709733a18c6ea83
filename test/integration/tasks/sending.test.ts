import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { inTransaction } from '../../../src/infrastructure/database/transaction.js';
import { group, si } from '../../../src/tasks/canvas/signatures.js';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import {
  InvalidPayloadError,
  OwnerMissingError,
} from '../../../src/tasks/definitions/task-payload.js';
import type { TaskContext } from '../../../src/tasks/definitions/task-context.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const note = defineTask({
  name: 'note',
  queue: 'low_priority',
  payload: z.strictObject({ text: z.string() }),
  result: z.string(),
});

const letter = defineTask({
  name: 'letter',
  queue: 'low_priority',
  payload: z.null(),
  result: z.string(),
  needsOwner: true,
});

@Injectable()
class Notes {
  readonly seen: string[] = [];

  @HandlesTask(note)
  async handle({ text }: { text: string }) {
    this.seen.push(text);
    return text;
  }

  @HandlesTask(letter)
  async write(_: null, { ownerId }: TaskContext) {
    return ownerId!;
  }
}

onBothQueueEngines('sending', (engine) => {
  let lab: TaskLab;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Notes], serve: ['low_priority'] });
  });
  afterAll(() => lab.close());
  const count = async () => (await lab.database.query('SELECT count(*)::int AS n FROM tasks'))[0].n;

  it('is refused without an owner for a task that needs one, wherever the task stands', async () => {
    const before_ = await count();
    await expect(lab.send(letter, null)).rejects.toThrow(OwnerMissingError);
    await expect(lab.send(note, { text: 'x' }, { link: si(letter, null) })).rejects.toThrow(
      OwnerMissingError,
    );
    await expect(lab.sendCanvas(group(si(note, { text: 'x' }), si(letter, null)))).rejects.toThrow(
      OwnerMissingError,
    );
    const schedule = { name: 'letters', task: letter, payload: null, everyMs: 1_000 };
    await expect(lab.get(Schedules).add(schedule)).rejects.toThrow(/belongs to a user/);
    expect(await count()).toBe(before_);
    const ownerId = randomUUID();
    const sent = await lab.finished(await lab.send(letter, null, { ownerId }));
    expect(sent.result).toBe(ownerId);
  });

  describe('joins the transaction of the caller', () => {
    it('and the task runs once it commits, not before', async () => {
      const client = lab.get(TaskClient);
      const id = await inTransaction(lab.database, async (tx) => {
        const { id: sent } = await client.send(tx, note, { text: 'committed' });
        expect(await lab.hints.of('low_priority').getJob(sent)).toBe(undefined);
        return sent;
      });
      expect((await lab.finished(id)).state).toBe('SUCCESS');
    });

    it('and the task never exists if it rolls back', async () => {
      const client = lab.get(TaskClient);
      let id = '';
      const rolledBack = inTransaction(lab.database, async (tx) => {
        ({ id } = await client.send(tx, note, { text: 'rolled back' }));
        throw new Error('no');
      });
      await expect(rolledBack).rejects.toThrow(/no/);
      const next = await lab.send(note, { text: 'after the rollback' });
      await lab.finished(next);
      expect(await lab.hints.of('low_priority').getJob(id)).toBe(undefined);
      expect(lab.get(Notes).seen.includes('rolled back')).toBe(false);
      await expect(lab.task(id)).rejects.toThrow();
    });

    it('even from a savepoint, and hands the task over only at the outer commit', async () => {
      const client = lab.get(TaskClient);
      const id = await inTransaction(lab.database, async (tx) => {
        const { id: sent } = await tx.transaction((inner) =>
          client.send(inner, note, { text: 'nested' }),
        );
        expect(await lab.hints.of('low_priority').getJob(sent)).toBe(undefined);
        return sent;
      });
      expect((await lab.finished(id)).state).toBe('SUCCESS');
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
      await expect(lab.send(note, payload as { text: string })).rejects.toThrow(
        InvalidPayloadError,
      );
      expect(await count()).toBe(before);
    });
  }

  for (const priority of [-1, 10, 1.5]) {
    it(`refuses priority ${priority}`, async () => {
      await expect(lab.send(note, { text: 'x' }, { priority })).rejects.toThrow(RangeError);
    });
  }

  it('refuses a delay together with a start time', async () => {
    const both = { delayMs: 1, runAt: new Date() };
    await expect(lab.send(note, { text: 'x' }, both)).rejects.toThrow(RangeError);
  });

  it('stores one task for an id that is sent twice', async () => {
    const id = '01890000-0000-7000-8000-0000000000aa';
    await lab.send(note, { text: 'first' }, { id });
    await lab.send(note, { text: 'second' }, { id });
    const task = await lab.finished(id);
    expect([task.result, task.attempt]).toEqual(['first', 1]);
  });

  it('takes a queue other than the definition’s', async () => {
    const id = await lab.send(note, { text: 'elsewhere' }, { queue: 'high_priority' });
    const job = await eventually('a hint', () => lab.hints.of('high_priority').getJob(id));
    expect(job.data).toEqual({ v: 1, taskId: id });
    expect((await lab.task(id)).queue).toBe('high_priority');
  });

  it('keeps owner and correlation id', async () => {
    const ownerId = '01890000-0000-7000-8000-000000000001';
    const id = await lab.send(note, { text: 'mine' }, { ownerId, correlationId: 'abc' });
    const task = await lab.finished(id);
    expect(task.ownerId).toBe(ownerId);
    expect(task.correlationId).toBe('abc');
  });
});
