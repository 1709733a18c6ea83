import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CreditGrants } from '../../../src/features/credits/credit-grants.js';
import { CreditHolds } from '../../../src/features/credits/credit-holds.js';
import { TaskEndings } from '../../../src/tasks/ending/task-endings.js';
import { QueuePurge } from '../../../src/tasks/operations/queue-purge.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { creditBook } from '../../support/credits.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';

describe('the hold of a task', () => {
  let darkroom: TestDarkroom;
  let book: ReturnType<typeof creditBook>;
  let user: string;
  let task: string;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    book = creditBook(darkroom.app);
  });
  afterAll(() => darkroom.close());
  beforeEach(async () => {
    user = await book.user(10);
    task = await book.accepted(user, 4);
    expect(await book.balance(user)).toBe(6);
  });

  const sql = (text: string) => darkroom.database.query(text, [task]);

  it('is captured with SUCCESS', async () => {
    expect(await book.deliver(await book.claim(task), 4)).toBe('SUCCESS');
    expect(await book.entries(task)).toEqual(['hold 4', 'capture 4']);
    expect(await book.balance(user)).toBe(6);
    await book.isRight();
  });

  it('is captured for the images that were delivered, and the rest is released', async () => {
    expect(await book.deliver(await book.claim(task), 3)).toBe('SUCCESS');
    expect(await book.entries(task)).toEqual(['hold 4', 'capture 3', 'release 1']);
    expect(await book.balance(user)).toBe(7);
    await book.isRight();
  });

  it('never captures more than was held', async () => {
    expect(await book.deliver(await book.claim(task), 5)).toBe('SUCCESS');
    expect(await book.entries(task)).toEqual(['hold 4', 'capture 4']);
    await book.isRight();
  });

  const ends: Record<string, () => Promise<unknown>> = {
    'it fails': async () => book.fail(await book.claim(task)),
    'it is revoked before it runs': () => darkroom.app.get(TaskClient).revoke(task),
    'it is revoked while it runs': async () => {
      const claimed = await book.claim(task);
      await darkroom.app.get(TaskClient).revoke(task);
      await darkroom.app.get(TaskEndings).confirmRevoked(claimed);
    },
    'it expires': async () => {
      await sql(`UPDATE tasks SET expires_at = now() WHERE id = $1`);
      await darkroom.app.get(TaskEndings).settle(task, 'expired');
    },
    'its worker has died too often': async () => {
      await book.claim(task);
      await sql(
        `UPDATE tasks SET crashes = 99, lease_until = now() - interval '1 s' WHERE id = $1`,
      );
      expect(await darkroom.app.get(TaskEndings).settle(task, 'poisoned')).toBe('FAILURE');
    },
    'its queue is purged': () => darkroom.app.get(QueuePurge).purge(['high_priority']),
    'its row is deleted': () => sql(`DELETE FROM tasks WHERE id = $1`),
  };
  for (const [what, end] of Object.entries(ends)) {
    it(`is released when ${what}`, async () => {
      await end();
      expect(await book.entries(task)).toEqual(['hold 4', 'release 4']);
      expect(await book.balance(user)).toBe(10);
      await book.isRight();
    });
  }

  it('is settled once, though two workers have had the task', async () => {
    const stale = await book.claim(task);
    await sql(`UPDATE tasks SET lease_until = now() - interval '1 s' WHERE id = $1`);
    const second = await book.claim(task);
    const ended = await Promise.all([book.deliver(stale, 4), book.deliver(second, 2)]);
    expect(ended).toEqual([undefined, 'SUCCESS']);
    expect(await book.entries(task)).toEqual(['hold 4', 'capture 2', 'release 2']);
    await book.isRight();
  });

  it('stays while the task is retried, and when its end is rolled back', async () => {
    const claimed = await book.claim(task);
    const crash = () => {
      throw new Error('crash');
    };
    await expect(book.deliver(claimed, 1, crash)).rejects.toThrow('crash');
    expect(await book.entries(task)).toEqual(['hold 4']);
    expect(await book.deliver(claimed, 4)).toBe('SUCCESS');
    expect(await book.entries(task)).toEqual(['hold 4', 'capture 4']);
    await book.isRight();
  });

  it('is made once, though the transaction is repeated after a lost answer', async () => {
    // All that is left, so that a second hold could not be paid for.
    const last = await book.accepted(user, 6);
    expect((await book.accept(user, 6, last)).refusal).toBe(undefined);
    expect(await book.entries(last)).toEqual(['hold 6']);
    expect(await book.balance(user)).toBe(0);
    await book.isRight();
  });

  it('is not made for a user that does not exist', async () => {
    const holds = darkroom.app.get(CreditHolds);
    const [admission] = await darkroom.database.transaction((tx) =>
      holds.hold(tx, [{ taskId: task, userId: task, images: 1, perImage: 1 }]),
    );
    expect(admission!.refusal?.code).toBe('not_found');
  });

  it('can be refunded, once, after the capture', async () => {
    const grants = darkroom.app.get(CreditGrants);
    await expect(grants.refund(task)).rejects.toThrow('Nobody was charged');
    await book.deliver(await book.claim(task), 3);
    const refunds = Array.from({ length: 5 }, () => grants.refund(task, 'spoiled'));
    expect(await Promise.all(refunds)).toEqual(
      Array.from({ length: 5 }, () => ({ userId: user, amount: 3 })),
    );
    expect(await book.balance(user)).toBe(10);
    await book.isRight();
  });
});
