import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { ApiKeys } from '../../../src/features/auth/api-keys.js';
import { AuthService } from '../../../src/features/auth/auth.service.js';
import { CreditGrants } from '../../../src/features/credits/credit-grants.js';
import type { Statement } from '../../../src/features/credits/credits.dto.js';
import type {
  GenerationAccepted,
  Quote,
} from '../../../src/features/image-generation/image-generation.dto.js';
import { about } from '../../support/about.js';
import { creditBook } from '../../support/credits.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { badFieldsOf, problemOf } from '../../support/problem.js';
import { readEnvironment } from '../../../src/config/environment.js';

const small = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };
const free = { requests_per_minute: null, queued: null, running: null, images_per_day: null };
const plans = readEnvironment({
  PLANS: JSON.stringify({
    standard: { starting_credits: 10, ...free },
    monthly: { starting_credits: 0, monthly_credits: 30, ...free },
    hasty: { requests_per_minute: 3 },
    short: { queued: 3 },
    daily: { images_per_day: 3 },
    low: { ...free, priority: 'low' },
    single: { ...free, running: 1 },
  }),
}).plans;

interface Person {
  id: string;
  key: string;
}

/** The API as one user sees it. */
function seenBy(darkroom: TestDarkroom, key: string) {
  const ask = (
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ) =>
    darkroom.request(path, {
      method,
      key,
      ...(body !== undefined && {
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    });
  return {
    ask,
    post: (body: object = {}, headers: Record<string, string> = {}) =>
      ask('POST', '/api/v1/generate-image', { ...small, ...body }, headers),
    statement: async (query = '') => {
      const answer = await ask('GET', `/api/v1/credits${query}`);
      expect(answer.status).toBe(200);
      return (await answer.json()) as Statement;
    },
  };
}

async function person(darkroom: TestDarkroom, plan = 'standard'): Promise<Person> {
  const { id } = await darkroom.app.get(AuthService).createUser(uuidv7(), 'user');
  await darkroom.database.query('UPDATE users SET plan = $2 WHERE id = $1', [id, plan]);
  return { id, key: (await darkroom.app.get(ApiKeys).create(id)).key };
}

describe('credits over HTTP', () => {
  let darkroom: TestDarkroom;
  let book: ReturnType<typeof creditBook>;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false, settings: { plans } });
    book = creditBook(darkroom.app);
  });
  afterAll(async () => {
    await book.isRight();
    await darkroom.close();
  });

  const admin = () => seenBy(darkroom, darkroom.adminKey);
  const codesOf = async (answers: Response[]) =>
    Promise.all(
      answers.map(async (a) => (a.ok ? 'ok' : ((await a.json()) as { code: string }).code)),
    );

  it('a new user has the starting credits, and sees where they came from', async () => {
    const { key } = await person(darkroom);
    const { statement } = seenBy(darkroom, key);
    const first = await statement();
    expect(first).toMatchObject({
      balance: 10,
      held: 0,
      plan: { name: 'standard', monthly_credits: 0, queued: null, priority: 'normal' },
      used: { queued: 0, images_today: 0 },
      entries: [{ kind: 'grant', amount: 10, task_id: null, note: 'starting credits' }],
      next_cursor: null,
    });
    expect(await statement()).toEqual(first);
  });

  it('of a hundred requests at once, as many are accepted as there are credits', async () => {
    for (let round = 0; round < 10; round++) {
      const { id, key } = await person(darkroom);
      const { post, statement } = seenBy(darkroom, key);
      // Half of them take the way with an Idempotency-Key.
      const answers = await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          n % 2 === 0 ? post() : post({}, { 'idempotency-key': `k${n}` }),
        ),
      );
      const codes = await codesOf(answers);
      expect(codes.filter((code) => code === 'ok').length).toBe(10);
      expect(codes.filter((code) => code === 'insufficient_credits').length).toBe(90);
      const [{ n }] = await darkroom.database.query(
        'SELECT count(*)::int AS n FROM tasks WHERE owner_id = $1',
        [id],
      );
      expect(n).toBe(10);
      expect(await statement()).toMatchObject({ balance: 0, held: 10, used: { queued: 10 } });
    }
    await book.isRight();
  });

  it('a request that cannot be paid for says so, and leaves nothing behind', async () => {
    const { key } = await person(darkroom);
    const { post } = seenBy(darkroom, key);
    const headers = { 'idempotency-key': 'dear' };
    await post({ batch_size: 8 });
    for (const answer of [await post({ batch_size: 3 }), await post({ batch_size: 3 }, headers)]) {
      const problem = await problemOf(answer, 402, 'insufficient_credits');
      expect(problem).toMatchObject({ balance: 2, price: 3 });
    }
    // The key is free again, for another request too.
    const paid = await post({ batch_size: 2 }, headers);
    expect(paid.status).toBe(202);
  });

  it('fifty equal requests with one Idempotency-Key make one task and one hold', async () => {
    const { id, key } = await person(darkroom);
    const { post, statement } = seenBy(darkroom, key);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => post({ batch_size: 2 }, { 'idempotency-key': 'once' })),
    );
    const ids = new Set<string>();
    for (const answer of answers) {
      // Some may be told to ask again.
      if (answer.status === 409) continue;
      about(answer.status, () => expect(answer.status).toBe(202));
      ids.add(((await answer.json()) as GenerationAccepted).task_id);
    }
    expect(ids.size).toBe(1);
    const { balance, entries } = await statement();
    expect([balance, entries.map(({ kind }) => kind)]).toEqual([8, ['hold', 'grant']]);
    const other = await person(darkroom);
    const theirs = await seenBy(darkroom, other.key).post({}, { 'idempotency-key': 'once' });
    expect(ids.has(((await theirs.json()) as GenerationAccepted).task_id)).toBe(false);
    expect(id).not.toBe(other.id);
  });

  it('a quote is the price that is held, and holds nothing', async () => {
    const { key } = await person(darkroom);
    const { ask, post, statement } = seenBy(darkroom, key);
    const quoted = await ask('POST', '/api/v1/generate-image/quote', { ...small, batch_size: 4 });
    expect(quoted.status).toBe(200);
    const price = (await quoted.json()) as Quote;
    expect(price).toEqual({
      price: 4,
      price_per_image: 1,
      images: 4,
      balance: 10,
      affordable: true,
      priority: 'normal',
    });
    expect((await statement()).balance).toBe(10);
    await post({ batch_size: 4 });
    const dear = await ask('POST', '/api/v1/generate-image/quote', { ...small, batch_size: 7 });
    expect(await dear.json()).toMatchObject({ price: 7, balance: 6, affordable: false });
    const wrong = await ask('POST', '/api/v1/generate-image/quote', { ...small, steps: 0 });
    expect(await badFieldsOf(wrong)).toEqual(['steps']);
  });

  it('revoking a task gives its credits back', async () => {
    const { key } = await person(darkroom);
    const { ask, post, statement } = seenBy(darkroom, key);
    const { task_id } = (await (await post({ batch_size: 3 })).json()) as GenerationAccepted;
    expect((await statement()).balance).toBe(7);
    await Promise.all(
      Array.from({ length: 5 }, () => ask('POST', `/api/v1/tasks/${task_id}/revoke`)),
    );
    const { balance, held, entries } = await statement();
    expect([balance, held]).toEqual([10, 0]);
    expect(entries.map(({ kind, amount }) => `${kind} ${amount}`)).toEqual([
      'release 3',
      'hold 3',
      'grant 10',
    ]);
    expect(entries[0]!.task_id).toBe(task_id);
  });

  it('the history comes page by page, each entry once', async () => {
    const { key } = await person(darkroom);
    const { post, statement } = seenBy(darkroom, key);
    for (let n = 0; n < 6; n++) await post();
    const seen: number[] = [];
    let cursor: number | null = null;
    do {
      const page: Statement = await statement(
        `?limit=3${cursor === null ? '' : `&cursor=${cursor}`}`,
      );
      seen.push(...page.entries.map(({ id }) => id));
      cursor = page.next_cursor;
    } while (cursor !== null);
    expect(seen.length).toBe(7);
    expect(seen).toEqual(seen.toSorted((a, b) => b - a));
    for (const query of ['?limit=0', '?limit=201', '?limit=x', '?cursor=x', '?other=1']) {
      expect((await seenBy(darkroom, key).ask('GET', `/api/v1/credits${query}`)).status).toBe(422);
    }
  });

  it('an admin grants and takes back, once for each reference, and it is logged (security 49)', async () => {
    const { id, key } = await person(darkroom);
    const grant = (body: object) => admin().ask('POST', `/api/v1/users/${id}/credits`, body);
    const both = { amount: 5, reference: 'invoice-17', note: 'thank you' };
    const answers = await Promise.all(Array.from({ length: 5 }, () => grant(both)));
    const granted = await Promise.all(answers.map(async (a) => (await a.json()) as object));
    expect(granted.filter((g) => 'granted' in g && g.granted === true).length).toBe(1);
    expect(granted.every((g) => 'balance' in g && g.balance === 15)).toBe(true);
    expect(await (await grant({ amount: -15 })).json()).toEqual({ granted: true, balance: 0 });
    await problemOf(await grant({ amount: -1 }), 409, 'overdrawn');
    const { balance, entries } = await seenBy(darkroom, key).statement();
    expect([balance, entries.map(({ amount }) => amount)]).toEqual([0, [-15, 5, 10]]);
    for (const body of [
      {},
      { amount: 0 },
      { amount: 1.5 },
      { amount: 1e308 },
      { amount: '5' },
      { amount: 1, reference: 'start' },
      { amount: 1, balance: 9 },
    ]) {
      expect((await grant(body)).status).toBe(422);
    }
    await problemOf(
      await admin().ask('POST', `/api/v1/users/${uuidv7()}/credits`, { amount: 1 }),
      404,
      'not_found',
    );
    const [{ n }] = await darkroom.database.query(
      `SELECT count(*)::int AS n FROM audit_log WHERE action = 'credits.grant' AND target = $1`,
      [id],
    );
    expect(n).toBe(7);
  });

  it('an admin sees and changes the plan of a user; from then on it holds', async () => {
    const { id, key } = await person(darkroom);
    const { post } = seenBy(darkroom, key);
    const change = (body: object) => admin().ask('PATCH', `/api/v1/users/${id}`, body);
    expect(await badFieldsOf(await change({ plan: 'gold' }))).toEqual(['plan']);
    expect((await change({ plan: 'short', role: 'admin' })).status).toBe(422);
    expect(await (await change({ plan: 'short' })).json()).toMatchObject({ id, plan: 'short' });
    const codes = await codesOf(await Promise.all(Array.from({ length: 9 }, () => post())));
    expect(codes.filter((code) => code === 'ok').length).toBe(3);
    const list = (await (await admin().ask('GET', '/api/v1/users?limit=1')).json()) as {
      users: object[];
      next_cursor: string;
    };
    expect(list.users[0]).toMatchObject({ id, role: 'user', plan: 'short', balance: 7 });
    expect(list.next_cursor).toBe(id);
  });

  const quotas: [plan: string, limit: string, body: object][] = [
    ['hasty', 'requests_per_minute', {}],
    ['short', 'queued', {}],
    ['daily', 'images_per_day', {}],
  ];
  for (const [plan, limit, body] of quotas) {
    it(`${limit}: of a hundred requests at once, as many are accepted as the plan allows (security 12)`, async () => {
      const { key } = await person(darkroom, plan);
      const { post, statement } = seenBy(darkroom, key);
      const answers = await Promise.all(Array.from({ length: 100 }, () => post(body)));
      const refused = answers.filter(({ status }) => status !== 202);
      expect(refused.length).toBe(97);
      for (const answer of refused) {
        const seconds = Number(answer.headers.get('retry-after'));
        expect(seconds).toBeGreaterThan(0);
        const problem = await problemOf(answer, 429, 'quota_exceeded');
        expect(problem.limit).toBe(limit);
      }
      expect((await statement()).used).toEqual({ queued: 3, images_today: 3 });
    });
  }

  it('as many generations run at once as the plan allows', async () => {
    const ids: string[] = [];
    for (const plan of ['single', 'standard']) {
      const { key } = await person(darkroom, plan);
      const { task_id } = (await (await seenBy(darkroom, key).post()).json()) as GenerationAccepted;
      ids.push(task_id);
    }
    const rows = await darkroom.database.query(
      `SELECT owner_limit AS most FROM tasks WHERE id = ANY($1) ORDER BY id`,
      [ids],
    );
    expect(rows).toEqual([{ most: 1 }, { most: null }]);
  });

  it('a priority above the plan is lowered to it, and the answer says so', async () => {
    const { key } = await person(darkroom, 'low');
    const { post } = seenBy(darkroom, key);
    const answer = await post({ priority: 'high' }, { 'idempotency-key': 'p' });
    const accepted = (await answer.json()) as GenerationAccepted;
    expect(accepted.priority).toBe('low');
    const repeated = await post({ priority: 'high' }, { 'idempotency-key': 'p' });
    expect(await repeated.json()).toEqual(accepted);
    const [{ priority }] = await darkroom.database.query(
      'SELECT priority FROM tasks WHERE id = $1',
      [accepted.task_id],
    );
    expect(priority).toBe(8);
  });

  it('the credits of a month are granted once, though several processes do it', async () => {
    const { id, key } = await person(darkroom, 'monthly');
    const other = await person(darkroom);
    const { statement } = seenBy(darkroom, key);
    await statement();
    await seenBy(darkroom, other.key).statement();
    const { signal } = new AbortController();
    const runs = Array.from({ length: 4 }, () =>
      darkroom.app.get(CreditGrants).grantMonthly(signal),
    );
    await Promise.all(runs);
    await darkroom.app.get(CreditGrants).grantMonthly(signal);
    expect(await book.balance(id)).toBe(30);
    expect(await book.balance(other.id)).toBe(10);
    expect((await statement()).entries.map(({ amount }) => amount)).toEqual([30, 0]);
    // A user whose plan is no longer configured has the standard one, which has no such credits.
    await darkroom.database.query(`UPDATE users SET plan = 'gone' WHERE id = $1`, [other.id]);
    await darkroom.app.get(CreditGrants).grantMonthly(signal);
    expect((await seenBy(darkroom, other.key).statement()).plan.monthly_credits).toBe(0);
  });

  it('what one user waits for does not hold up another', async () => {
    const [slow, quick] = [await person(darkroom), await person(darkroom)];
    await seenBy(darkroom, slow.key).statement();
    const runner = darkroom.database.createQueryRunner();
    await runner.connect();
    await runner.startTransaction();
    try {
      await runner.query('SELECT FROM credit_accounts WHERE user_id = $1 FOR UPDATE', [slow.id]);
      const waiting = seenBy(darkroom, slow.key).post();
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => seenBy(darkroom, quick.key).post()),
      );
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(202));
      await runner.rollbackTransaction();
      expect((await waiting).status).toBe(202);
    } finally {
      await runner.release();
    }
  });
});

onBothQueueEngines('a picture', (engine) => {
  it('costs one credit when it is delivered, and none when the engine refuses it', async () => {
    const darkroom = await startDarkroom(engine, { settings: { plans } });
    const book = creditBook(darkroom.app);
    try {
      const done = await darkroom.generate({ ...small, batch_size: 2 });
      await darkroom.finished(done);
      expect(await book.entries(done)).toEqual(['hold 2', 'capture 2']);
      darkroom.sketch.misbehave({ kind: 'refuse_bad_field' });
      const failed = await darkroom.generate(small);
      expect((await darkroom.finished(failed)).status).toBe('FAILURE');
      expect(await book.entries(failed)).toEqual(['hold 1', 'release 1']);
      await book.isRight();
    } finally {
      await darkroom.close();
    }
  });
});
