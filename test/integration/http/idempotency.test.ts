import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { v4 as uuid } from 'uuid';
import type { GenerationAccepted } from '../../../src/features/image-generation/image-generation.dto.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { badFieldsOf, problemOf } from '../../support/problem.js';

const request = {
  prompt: 'a lighthouse',
  width: 64,
  height: 64,
  metadata: { a: 1, b: { c: 2, d: [1, 2] } },
};

describe('Idempotency-Key', () => {
  let darkroom: TestDarkroom;
  let key: string;
  before(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  after(() => darkroom.close());
  beforeEach(() => {
    key = uuid();
  });

  const post = (body: unknown, headers: Record<string, string> = {}) =>
    darkroom.post('/api/v1/generate-image', body, { 'idempotency-key': key, ...headers });

  async function accepted(answer: Response): Promise<GenerationAccepted> {
    assert.equal(answer.status, 202, await answer.clone().text());
    return (await answer.json()) as GenerationAccepted;
  }

  async function countTasks(): Promise<number> {
    const [row] = await darkroom.database.query('SELECT count(*)::int AS count FROM tasks');
    return row.count;
  }

  it('the same request again has the same answer, its chosen seed included', async () => {
    const before = await countTasks();
    const first = await accepted(await post(request));
    assert.deepEqual(await accepted(await post(request)), first);
    assert.equal(await countTasks(), before + 1);
  });

  it('of twenty at once, one makes the task', async () => {
    const before = await countTasks();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => accepted(await post(request))),
    );
    assert.equal(new Set(answers.map((answer) => JSON.stringify(answer))).size, 1);
    assert.equal(await countTasks(), before + 1);
  });

  const sameRequests: Record<string, object> = {
    'fields in another order': Object.fromEntries(Object.entries(request).toReversed()),
    'metadata in another order': { ...request, metadata: { b: { d: [1, 2], c: 2 }, a: 1 } },
    'a default that is spelled out': { ...request, steps: 20 },
  };
  for (const [what, body] of Object.entries(sameRequests)) {
    it(`${what}: the same request`, async () => {
      const first = await accepted(await post(request));
      assert.deepEqual(await accepted(await post(body)), first);
    });
  }

  const otherRequests: Record<string, object> = {
    'another prompt': { ...request, prompt: 'a harbour' },
    'another priority': { ...request, priority: 'high' },
    'another expiry': { ...request, expires_in: 60 },
    'an array in another order': { ...request, metadata: { a: 1, b: { c: 2, d: [2, 1] } } },
  };
  for (const [what, body] of Object.entries(otherRequests)) {
    it(`${what}: another request`, async () => {
      const first = await accepted(await post(request));
      await problemOf(await post(body), 422, 'idempotency_key_reused');
      assert.deepEqual(await accepted(await post(request)), first);
    });
  }

  it('belongs to its user', async () => {
    const first = await accepted(await post(request));
    const other = { authorization: `Bearer ${await darkroom.newUserKey(uuid())}` };
    const second = await accepted(await post({ ...request, prompt: 'mine' }, other));
    assert.notEqual(second.task_id, first.task_id);
  });

  it('is not used up by a request that is refused', async () => {
    assert.deepEqual(await badFieldsOf(await post({ ...request, steps: 0 })), ['steps']);
    await accepted(await post(request));
  });

  it('whose first request still runs: 409 with Retry-After, then usable', async () => {
    const runner = darkroom.database.createQueryRunner();
    await runner.startTransaction();
    const [{ id }] = await runner.query(`SELECT id FROM users WHERE name = 'admin'`);
    await runner.query(
      `INSERT INTO idempotency_keys (owner_id, key, request_hash, task_id) VALUES ($1, $2, '', $1)`,
      [id, key],
    );
    const answer = await post(request);
    assert.equal(answer.headers.get('retry-after'), '1');
    await problemOf(answer, 409, 'idempotency_in_progress');
    await runner.rollbackTransaction();
    await runner.release();
    await accepted(await post(request));
  });

  for (const good of ['x', 'x'.repeat(255), `!"#$%&'()*+,-./:;<=>?@[]^_{|}~`]) {
    it(`${good.slice(0, 40)} (${good.length}) is accepted`, async () => {
      await accepted(await post(request, { 'idempotency-key': good }));
    });
  }

  for (const bad of ['', 'x'.repeat(256), 'two words', 'é', 'tab\there']) {
    it(`${JSON.stringify(bad.slice(0, 40))} (${bad.length}) is refused`, async () => {
      const answer = await post(request, { 'idempotency-key': bad });
      assert.deepEqual(await badFieldsOf(answer), ['Idempotency-Key']);
    });
  }
});
