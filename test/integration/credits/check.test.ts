import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CreditCheck } from '../../../src/features/credits/credit-check.js';
import { creditBook } from '../../support/credits.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';

/** What goes wrong with a task of four credits that was delivered ($1) or is open ($2), or its user's account ($3). */
const damages: [what: string, sql: string, found: string[]][] = [
  [
    'a balance that nobody granted',
    `UPDATE credit_accounts SET balance = balance + 1 WHERE user_id = $3`,
    ['I5 has a balance of 3, and entries for 2'],
  ],
  [
    'held credits without a hold',
    `UPDATE credit_accounts SET held = held + 5 WHERE user_id = $3`,
    ['I5 has 9 credits held, and holds of 4'],
  ],
  [
    'a count of open tasks',
    `UPDATE credit_accounts SET open_tasks = 0 WHERE user_id = $3`,
    ['I5 counts 0 open tasks, and has 1 holds'],
  ],
  [
    'a SUCCESS that was never charged',
    `UPDATE tasks SET state = 'FAILURE' WHERE id = $1`,
    ['I4 is no SUCCESS, and was captured'],
  ],
  [
    'a hold that was not settled',
    `ALTER TABLE tasks DISABLE TRIGGER USER;
     UPDATE tasks SET state = 'SUCCESS', finished_at = now() WHERE id = $2;
     ALTER TABLE tasks ENABLE TRIGGER USER`,
    ['I4 is over, and its hold is not settled'],
  ],
  [
    'a hold of a task that is gone',
    `ALTER TABLE tasks DISABLE TRIGGER USER;
     DELETE FROM tasks WHERE id = $2;
     ALTER TABLE tasks ENABLE TRIGGER USER`,
    ['I4 is over, and its hold is not settled'],
  ],
  [
    'a lost hold',
    `DELETE FROM credit_holds WHERE task_id = $2`,
    ['I4 is not over, and has no hold', 'I5 has 4 credits held, and holds of 0'],
  ],
  [
    'a hold without an entry',
    `INSERT INTO credit_holds VALUES (gen_random_uuid(), $3, 0, 0)`,
    [
      'I4 has entries or a hold, but no entry of the hold',
      'I5 counts 1 open tasks, and has 2 holds',
    ],
  ],
  [
    'another hold than was noted',
    `UPDATE credit_holds SET images = 3 WHERE task_id = $2`,
    ['I4 holds something else than its entry says', 'I5 has 4 credits held, and holds of 3'],
  ],
  [
    'a second release',
    `INSERT INTO credit_entries (user_id, kind, amount, task_id) VALUES ($3, 'release', 4, $1)`,
    [
      'I4 was captured and released differently from its hold',
      'I5 has a balance of 2, and entries for 6',
    ],
  ],
  [
    'an early capture',
    `INSERT INTO credit_entries (user_id, kind, amount, task_id) VALUES ($3, 'capture', 4, $2)`,
    ['I4 is settled, and still held'],
  ],
  [
    'a refund of more than the price',
    `INSERT INTO credit_entries (user_id, kind, amount, task_id) VALUES ($3, 'refund', 9, $1)`,
    ['I4 was refunded something else than it cost', 'I5 has a balance of 2, and entries for 11'],
  ],
  [
    'a user who pays for another',
    `INSERT INTO credit_entries (user_id, kind, amount, task_id) VALUES (gen_random_uuid(), 'release', 0, $1)`,
    ['I4 was charged to two users'],
  ],
];

describe('the check of the ledger', () => {
  let darkroom: TestDarkroom;
  let book: ReturnType<typeof creditBook>;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    book = creditBook(darkroom.app);
  });
  afterAll(() => darkroom.close());

  it('finds nothing in a ledger that is right', () => book.isRight());

  for (const [what, sql, found] of damages) {
    it(`names ${what}`, async () => {
      const user = await book.user(10);
      const done = await book.accepted(user, 4);
      await book.deliver(await book.claim(done), 4);
      const open = await book.accepted(user, 4);
      const runner = darkroom.database.createQueryRunner();
      await runner.connect();
      try {
        await runner.startTransaction();
        const filled = sql
          .replaceAll('$1', `'${done}'`)
          .replaceAll('$2', `'${open}'`)
          .replaceAll('$3', `'${user}'`);
        await runner.query(filled);
        const check = new CreditCheck({
          transaction: (_level: string, work: (tx: unknown) => unknown) => work(runner.manager),
        } as never);
        const broken = await check.broken();
        expect(broken.map((row) => `${row.invariant} ${row.problem}`)).toEqual(found);
        const named = broken.every(({ taskId, userId }) => taskId !== null || userId === user);
        expect(named).toBe(true);
      } finally {
        await runner.rollbackTransaction();
        await runner.release();
      }
    });
  }

  it('cannot be deceived by a change of the past', async () => {
    const user = await book.user(10);
    for (const change of [
      `UPDATE credit_entries SET amount = 1 WHERE user_id = $1`,
      `DELETE FROM credit_entries WHERE user_id = $1`,
    ]) {
      await expect(darkroom.database.query(change, [user])).rejects.toThrow('only ever added');
    }
  });
});
