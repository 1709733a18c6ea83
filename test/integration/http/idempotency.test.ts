import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
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
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  afterAll(() => darkroom.close());
  beforeEach(() => {
    key = uuid();
  });

  const post = (body: unknown, headers: Record<string, string> = {}) =>
    darkroom.post('/api/v1/generate-image', body, { 'idempotency-key': key, ...headers });

  async function accepted(answer: Response): Promise<GenerationAccepted> {
    about(await answer.clone().text(), () => expect(answer.status).toBe(202));
    return (await answer.json()) as GenerationAccepted;
  }

  async function countTasks(): Promise<number> {
    const [row] = await darkroom.database.query('SELECT count(*)::int AS count FROM tasks');
    return row.count;
  }

  it('gives the same request the same answer, including the chosen seed', async () => {
    const before = await countTasks();
    const first = await accepted(await post(request));
    expect(await accepted(await post(request))).toEqual(first);
    expect(await countTasks()).toBe(before + 1);
  });

  it('makes one task for twenty requests at once', async () => {
    const before = await countTasks();
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => accepted(await post(request))),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await countTasks()).toBe(before + 1);
  });

  it("gives a later repeat the task's current state", async () => {
    const first = await accepted(await post(request));
    const now = async (state: string) =>
      darkroom.database.query('UPDATE tasks SET state = $2 WHERE id = $1', [first.task_id, state]);
    for (const status of ['RETRY', 'PENDING'] as const) {
      await now(status);
      expect(await accepted(await post(request))).toEqual({ ...first, status });
    }
  });

  it('is not used for another task after its task was deleted', async () => {
    const first = await accepted(await post(request));
    await darkroom.database.query('DELETE FROM tasks WHERE id = $1', [first.task_id]);
    await problemOf(await post(request), 409, 'idempotent_task_forgotten');
  });

  const sameRequests: Record<string, object> = {
    'fields in another order': Object.fromEntries(Object.entries(request).toReversed()),
    'metadata in another order': { ...request, metadata: { b: { d: [1, 2], c: 2 }, a: 1 } },
    'a default that is spelled out': { ...request, steps: 20 },
  };
  for (const [what, body] of Object.entries(sameRequests)) {
    it(`${what}: the same request`, async () => {
      const first = await accepted(await post(request));
      expect(await accepted(await post(body))).toEqual(first);
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
      expect(await accepted(await post(request))).toEqual(first);
    });
  }

  it('belongs to one user', async () => {
    const first = await accepted(await post(request));
    const other = { authorization: `Bearer ${await darkroom.newUserKey(uuid())}` };
    const second = await accepted(await post({ ...request, prompt: 'mine' }, other));
    expect(second.task_id).not.toBe(first.task_id);
  });

  it('is not used up by a refused request', async () => {
    expect(await badFieldsOf(await post({ ...request, steps: 0 }))).toEqual(['steps']);
    await accepted(await post(request));
  });

  it('gets 409 with Retry-After while its first request still runs, and works afterwards', async () => {
    const runner = darkroom.database.createQueryRunner();
    await runner.startTransaction();
    const [{ id }] = await runner.query(`SELECT id FROM users WHERE name = 'admin'`);
    await runner.query(
      `INSERT INTO idempotency_keys (owner_id, key, request_hash, task_id) VALUES ($1, $2, '', $1)`,
      [id, key],
    );
    const answer = await post(request);
    expect(answer.headers.get('retry-after')).toBe('1');
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
      expect(await badFieldsOf(answer)).toEqual(['Idempotency-Key']);
    });
  }
});
