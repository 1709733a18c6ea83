import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { creditBook } from '../../support/credits.js';
import { envOf } from '../../support/cli.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { warmDarkroom } from '../../support/warm-cli.js';

describe('users and credits on the command line', () => {
  let darkroom: TestDarkroom;
  let book: ReturnType<typeof creditBook>;
  let alice: string;
  const run = (...args: string[]) => warmDarkroom(args, envOf(darkroom.stores));
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
    book = creditBook(darkroom.app);
    alice = (await darkroom.app.get(AuthService).createUser('alice', 'user')).id;
    await darkroom.database.query(`UPDATE users SET email = 'alice@example.com' WHERE id = $1`, [
      alice,
    ]);
  });
  afterAll(() => darkroom.close());

  it('users list names them, with the address', async () => {
    const { stdout } = await run('users', 'list');
    expect(stdout).toMatch(/^ID +USER +ROLE +PLAN +CREDITS +SINCE\n/);
    expect(stdout).toMatch(new RegExp(`${alice} +alice@example.com +user +standard +- +\\d{4}-`));
    const listed = (await run('users', 'list', '--json')).json<{ id: string; plan: string }[]>();
    expect(listed.find(({ id }) => id === alice)?.plan).toBe('standard');
  });

  it('credits grant adds and takes back, once for each reference', async () => {
    const first = await run('credits', 'grant', 'alice', '50', '--reference', 'i-1', '--note', 'x');
    expect([first.code, first.stdout]).toEqual([0, 'alice@example.com has 150 credits.\n']);
    const again = await run('credits', 'grant', alice, '50', '--reference', 'i-1');
    expect([again.code, again.stdout]).toEqual([
      1,
      'This was granted before. alice@example.com has 150 credits.\n',
    ]);
    const back = await run('credits', 'grant', 'alice@example.com', '--json', '--', '-20');
    expect(back.json()).toMatchObject({ granted: true, user_id: alice, balance: 130 });
    const tooMuch = await run('credits', 'grant', 'alice', '--', '-131');
    expect([tooMuch.code, tooMuch.stderr]).toEqual([
      1,
      'darkroom: The user does not have as many credits as are to be taken back.\n',
    ]);
    for (const wrong of ['0', '1.5', 'x', '9999999999']) {
      expect((await run('credits', 'grant', 'alice', wrong)).code).toBe(2);
    }
    const nobody = await run('credits', 'grant', 'nobody', '1');
    expect([nobody.code, /no user "nobody"/.test(nobody.stderr)]).toEqual([1, true]);
  });

  it('credits show has the balance and where it came from', async () => {
    const { stdout } = await run('credits', 'show', 'alice');
    expect(stdout).toMatch(/Plan +standard\nBalance +130\nHeld +0 for 0 open tasks\n/);
    expect(stdout).toMatch(
      /grant +-20 +- +-\n.*grant +50 +- +x\n.*grant +100 +- +starting credits/,
    );
    const few = await run('credits', 'show', 'alice', '--entries', '1', '--json');
    expect(few.json<{ entries: object[] }>().entries.length).toBe(1);
  });

  it('credits refund gives back what a task was charged', async () => {
    const user = await book.user(10);
    const task = await book.accepted(user, 4);
    const early = await run('credits', 'refund', task);
    expect([early.code, early.stderr]).toEqual([
      1,
      'darkroom: Nobody was charged for this task.\n',
    ]);
    await book.deliver(await book.claim(task), 4);
    expect((await run('credits', 'refund', task, '--json')).json()).toEqual({
      user_id: user,
      refunded: 4,
    });
    expect(await book.balance(user)).toBe(10);
  });

  it('credits check ends with 1 and names the row that is wrong', async () => {
    const right = await run('credits', 'check');
    expect([right.code, right.stdout]).toEqual([0, 'The ledger is right.\n']);
    const change = (by: number) =>
      darkroom.database.query(
        `UPDATE credit_accounts SET balance = balance + $2 WHERE user_id = $1`,
        [alice, by],
      );
    await change(1);
    const wrong = await run('credits', 'check', '--json');
    await change(-1);
    expect([wrong.code, wrong.json()]).toEqual([
      1,
      [
        {
          invariant: 'I5',
          task_id: null,
          user_id: alice,
          problem: 'has a balance of 131, and entries for 130',
        },
      ],
    ]);
  });

  it('users plan changes the plan, to one that exists', async () => {
    const changed = await run('users', 'plan', 'alice', 'unlimited');
    expect(changed.stdout).toBe('alice@example.com has the plan unlimited (before: standard).\n');
    const wrong = await run('users', 'plan', 'alice', 'gold');
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      'darkroom: The plan "gold" is none of: standard, unlimited.\n',
    ]);
  });

  it('users role makes an admin, and never takes the last one away', async () => {
    const made = await run('users', 'role', 'alice', 'admin');
    expect(made.stdout).toBe('alice@example.com has the role admin (before: user).\n');
    const back = await run('users', 'role', 'alice', 'user', '--json');
    expect(back.json()).toMatchObject({ user_id: alice, role: 'user', before: 'admin' });
    const wrong = await run('users', 'role', 'alice', 'owner');
    expect([wrong.code, wrong.stderr]).toEqual([
      2,
      'darkroom: The role "owner" is none of: admin, user.\n',
    ]);
    const last = await run('users', 'role', 'admin', 'user');
    expect([last.code, /this is the last one/.test(last.stderr)]).toEqual([1, true]);
  });

  it('users delete asks first, and closes the account', async () => {
    darkroom.startWorkers();
    const asked = await run('users', 'delete', 'alice');
    expect([asked.code, /add --yes/.test(asked.stderr)]).toEqual([2, true]);
    const { task_id } = (await run('users', 'delete', 'alice', '--yes', '--json')).json<{
      task_id: string;
    }>();
    await eventually('the rest is deleted', async () => {
      const [row] = await darkroom.database.query('SELECT state FROM tasks WHERE id = $1', [
        task_id,
      ]);
      return row.state === 'SUCCESS';
    });
    expect((await run('users', 'list')).stdout).not.toContain('alice');
    const last = await run('users', 'delete', 'admin', '--yes');
    expect([last.code, last.stderr]).toEqual([
      1,
      'darkroom: There must be an admin, and this is the last one.\n',
    ]);
  });
});
