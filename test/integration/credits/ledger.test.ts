import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { readEnvironment } from '../../../src/config/environment.js';
import { CreditAccounts } from '../../../src/features/credits/credit-accounts.js';
import { CreditCheck } from '../../../src/features/credits/credit-check.js';
import { CreditGrants } from '../../../src/features/credits/credit-grants.js';
import { CreditHolds, busy, type Charge } from '../../../src/features/credits/credit-holds.js';
import { dataSourceOptions } from '../../../src/infrastructure/database/data-source.js';
import type { Transaction } from '../../../src/infrastructure/database/transaction.js';
import { openDatabase, type Store } from '../../support/stores.js';

const none = { requests_per_minute: null, queued: null, images_per_day: null };
const { plans } = readEnvironment({
  PLANS: JSON.stringify({
    standard: { starting_credits: 10, ...none },
    monthly: { starting_credits: 0, monthly_credits: 30, ...none },
    daily: { starting_credits: 10, ...none, images_per_day: 5 },
  }),
});

/** The services alone, on a database of their own. */
describe('the ledger of credits', () => {
  let store: Store;
  let database: DataSource;
  let accounts: CreditAccounts;
  let holds: CreditHolds;
  let grants: CreditGrants;
  beforeAll(async () => {
    store = await openDatabase();
    database = await new DataSource(
      dataSourceOptions({ url: store.url, poolSize: 5 }),
    ).initialize();
    accounts = new CreditAccounts({ plans });
    holds = new CreditHolds(accounts);
    grants = new CreditGrants(database, accounts, { plans });
  });
  afterAll(async () => {
    await database.destroy();
    await store.close();
  });
  // Who gets the credits of a month is counted: each test begins without such users.
  beforeEach(() => database.query(`UPDATE users SET plan = 'standard'`));

  const user = async (plan = 'standard'): Promise<string> => {
    const id = uuidv7();
    await database.query(
      `INSERT INTO users (id, name, role, plan) VALUES ($1::uuid, $1::text, 'user', $2)`,
      [id, plan],
    );
    return id;
  };
  const together = <T>(work: (tx: Transaction) => Promise<T>) => database.transaction(work);
  const lock = (...users: string[]) => together((tx) => accounts.lock(tx, users));
  const charge = (userId: string, images: number, taskId: string = uuidv7()): Charge => ({
    taskId,
    userId,
    images,
    perImage: 1,
  });
  const hold = (...charges: Charge[]) => together((tx) => holds.hold(tx, charges));
  const codes = (answers: { refusal?: { code: string } | undefined }[]) =>
    answers.map(({ refusal }) => refusal?.code ?? 'held');
  const account = async (userId: string) => (await accounts.read(database, userId))!;
  const entries = (userId: string): Promise<object[]> =>
    database.query(
      `SELECT kind, amount::int, note FROM credit_entries WHERE user_id = $1 ORDER BY id`,
      [userId],
    );

  it('opens the account of each user once, however many ask', async () => {
    const users = [await user(), await user('monthly'), await user()];
    expect(await accounts.read(database, users[0]!)).toBe(undefined);
    const unknown = uuidv7();
    const found = await Promise.all([
      lock(...users, users[0]!),
      lock(...users.toReversed(), unknown),
      lock(users[1]!),
    ]);
    expect(found.map((map) => map.size)).toEqual([3, 3, 1]);
    expect([...found[1].values()].map(({ balance }) => balance)).toEqual([10, 0, 10]);
    expect(await entries(users[0]!)).toEqual([
      { kind: 'grant', amount: 10, note: 'starting credits' },
    ]);
    expect((await account(users[0]!)).balance).toBe(10);
  });

  it('opens those that are missing beside those that are open', async () => {
    const users = [await user(), await user()];
    await lock(users[0]!);
    expect((await lock(...users)).size).toBe(2);
  });

  it('knows no user who was deleted', async () => {
    const [open, never] = [await user(), await user()];
    await lock(open);
    await database.query(`UPDATE users SET deleted_at = now() WHERE id = ANY($1)`, [[open, never]]);
    expect((await lock(open, never)).size).toBe(0);
    expect(await accounts.read(database, open)).toBe(undefined);
    expect(codes(await hold(charge(open, 1), charge(never, 1)))).toEqual([
      'not_found',
      'not_found',
    ]);
    expect(await entries(never)).toEqual([]);
  });

  it('gives users of a plan that is gone the standard one', async () => {
    const id = await user('gone');
    expect((await lock(id)).get(id)).toMatchObject({ plan: 'gone', balance: 10 });
    expect(accounts.planOf({ plan: 'gone' })).toEqual(plans.standard);
    expect(accounts.planOf({ plan: 'monthly' })).toEqual(plans['monthly']);
  });

  it('holds what each can pay, in the order of the tasks', async () => {
    const [ann, bob] = [await user(), await user('monthly')];
    const answers = await hold(charge(ann, 6), charge(bob, 1), charge(ann, 5), charge(ann, 4));
    expect(codes(answers)).toEqual([
      'held',
      'insufficient_credits',
      'insufficient_credits',
      'held',
    ]);
    expect(answers[0]).toEqual({ plan: plans.standard });
    expect(await account(ann)).toMatchObject({ balance: 0, held: 10, openTasks: 2 });
    expect(await account(bob)).toMatchObject({ balance: 0, held: 0, openTasks: 0 });
    expect(await entries(ann)).toEqual([
      { kind: 'grant', amount: 10, note: 'starting credits' },
      { kind: 'hold', amount: 6, note: null },
      { kind: 'hold', amount: 4, note: null },
    ]);
  });

  it('multiplies the price of an image by their number', async () => {
    const ann = await user();
    const dear = (images: number) => ({ ...charge(ann, images), perImage: 3 });
    expect(codes(await hold(dear(4), dear(3)))).toEqual(['insufficient_credits', 'held']);
    expect(await account(ann)).toMatchObject({ balance: 1, held: 9, dayImages: 3 });
  });

  it('counts requests and images, and begins again with a minute and a day', async () => {
    const ann = await user('daily');
    await hold(charge(ann, 2), charge(ann, 1));
    expect(await account(ann)).toMatchObject({ minuteRequests: 2, dayImages: 3 });
    expect(codes(await hold(charge(ann, 3)))).toEqual(['quota_exceeded']);
    await database.query(
      `UPDATE credit_accounts SET day = day - 1, minute_start = now() - interval '61 s' WHERE user_id = $1`,
      [ann],
    );
    const before = await account(ann);
    expect(codes(await hold(charge(ann, 3)))).toEqual(['held']);
    const after = await account(ann);
    expect(after).toMatchObject({ minuteRequests: 1, dayImages: 3 });
    expect(after.day > before.day && after.minuteStart > before.minuteStart).toBe(true);
  });

  it('answers a repeated transaction as the first time, and takes nothing more', async () => {
    const [ann, bob] = [await user(), await user()];
    const first = charge(ann, 8);
    await hold(first);
    const answers = await hold(charge(bob, 1), first, charge(ann, 3));
    expect(codes(answers)).toEqual(['held', 'held', 'insufficient_credits']);
    expect(answers[1]).toEqual({ plan: plans.standard });
    expect(await account(ann)).toMatchObject({ balance: 2, held: 8, openTasks: 1 });
    expect(codes(await hold(charge(ann, 2)))).toEqual(['held']);
  });

  it('does not hold for a deleted user what was held before', async () => {
    const ann = await user();
    const first = charge(ann, 1);
    await hold(first);
    await database.query(`UPDATE users SET deleted_at = now() WHERE id = $1`, [ann]);
    expect(codes(await hold(first))).toEqual(['not_found']);
  });

  it('waits for no account that another transaction has, if told so', async () => {
    const [ann, bob] = [await user(), await user()];
    await lock(ann, bob);
    const charges = [charge(ann, 1), charge(bob, 11), charge(ann, 2), charge(bob, 4)];
    await together(async (other) => {
      await accounts.lock(other, [ann]);
      const answers = await together((tx) => holds.holdUnlessBusy(tx, charges));
      expect(answers.map((one) => (one === busy ? 'busy' : codes([one])[0]))).toEqual([
        'busy',
        'insufficient_credits',
        'busy',
        'held',
      ]);
    });
    expect((await account(ann)).held).toBe(0);
    expect((await account(bob)).held).toBe(4);
    expect(codes(await hold(charge(ann, 10)))).toEqual(['held']);
  });

  it('makes a waiting transaction wait: of two for the last credits one gets them', async () => {
    const ann = await user();
    const answers = await Promise.all([hold(charge(ann, 6)), hold(charge(ann, 6))]);
    expect(codes(answers.flat()).toSorted()).toEqual(['held', 'insufficient_credits']);
  });

  it('grants once for a reference, and takes back what there is', async () => {
    const ann = await user();
    const bill = { amount: 5, reference: 'bill', note: 'thanks' };
    expect(await grants.grant(ann, bill)).toBe(true);
    expect(await grants.grant(ann, bill)).toBe(false);
    expect(await grants.grant(ann, { amount: 1 })).toBe(true);
    expect(await grants.grant(ann, { amount: 1 })).toBe(true);
    expect((await account(ann)).balance).toBe(17);
    await expect(grants.grant(ann, { amount: -18 })).rejects.toMatchObject({ code: 'overdrawn' });
    expect(await grants.grant(ann, { amount: -17 })).toBe(true);
    expect((await account(ann)).balance).toBe(0);
    expect((await entries(ann)).slice(1, 3)).toEqual([
      { kind: 'grant', amount: 5, note: 'thanks' },
      { kind: 'grant', amount: 1, note: null },
    ]);
    await expect(grants.grant(uuidv7(), bill)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('refunds what was captured, once', async () => {
    const ann = await user();
    const held = charge(ann, 4);
    await hold(held);
    await expect(grants.refund(held.taskId)).rejects.toMatchObject({ status: 404 });
    await database.query(
      `INSERT INTO credit_entries (user_id, kind, amount, task_id) VALUES ($1, 'capture', 3, $2)`,
      [ann, held.taskId],
    );
    const refunded = { userId: ann, amount: 3 };
    expect(await grants.refund(held.taskId, 'sorry')).toEqual(refunded);
    expect(await grants.refund(held.taskId)).toEqual(refunded);
    expect((await account(ann)).balance).toBe(9);
    expect((await entries(ann)).at(-1)).toEqual({ kind: 'refund', amount: 3, note: 'sorry' });
  });

  it('grants the credits of a month to all of a plan, and to nobody twice', async () => {
    const { signal } = new AbortController();
    const aborted = AbortSignal.abort();
    await database.query(
      `INSERT INTO users (id, name, role, plan)
       SELECT gen_random_uuid(), 'm' || n, 'user', 'monthly' FROM generate_series(1, 1001) n`,
    );
    await database.query(
      `INSERT INTO credit_accounts (user_id, balance) SELECT id, 0 FROM users WHERE plan = 'monthly'`,
    );
    const other = await user();
    await lock(other);
    expect(await grants.grantMonthly(aborted)).toBe(0);
    const [{ id }] = await database.query(`SELECT id FROM users WHERE name = 'm1'`);
    const others = await together(async (tx) => {
      await accounts.lock(tx, [id]);
      return grants.grantMonthly(signal);
    });
    // One account was in use: the next run sees to it.
    expect([others, await grants.grantMonthly(signal)]).toEqual([1_000, 1]);
    expect(await grants.grantMonthly(signal)).toBe(0);
    expect(await account(id)).toMatchObject({ balance: 30 });
    expect((await account(other)).balance).toBe(10);
  });

  it('grants those of the standard plan to users whose plan is gone', async () => {
    const [gone, rich] = [await user('gone'), await user('unlimited')];
    await lock(gone, rich);
    const standard = { ...plans.standard, monthly_credits: 7 };
    const changed = new CreditGrants(database, accounts, { plans: { ...plans, standard } });
    await changed.grantMonthly(new AbortController().signal);
    expect((await account(gone)).balance).toBe(17);
    expect((await account(rich)).balance).toBe(plans.unlimited.starting_credits);
  });

  it('reports at most a thousand rows that are wrong', async () => {
    await database.query(
      `INSERT INTO credit_holds SELECT gen_random_uuid(), gen_random_uuid(), 1, 1 FROM generate_series(1, 1001)`,
    );
    const broken = await new CreditCheck(database).broken();
    expect(broken.filter(({ invariant }) => invariant === 'I4').length).toBe(1_000);
    await database.query('DELETE FROM credit_holds');
  });
});
