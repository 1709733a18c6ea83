import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { ApiKeys } from '../../src/features/auth/api-keys.js';
import { AuthService } from '../../src/features/auth/auth.service.js';
import type { CalculateAnswer } from '../../src/features/calculate/calculate.dto.js';
import type { ShortTaskStatus } from '../../src/features/task-status/task-status.dto.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { badFieldsOf, problemOf } from '../support/problem.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';

onBothQueueEngines('GET /api/v1/calculate', (engine) => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom(engine);
  });
  afterAll(() => darkroom.close());

  const calculate = (query: string, key = darkroom.adminKey) =>
    darkroom.request(`/api/v1/calculate${query}`, { key });
  const statusOf = (id: string, key: string) =>
    darkroom.request(`/api/v1/task_status/${id}`, { key });

  it('adds two numbers in a task', async () => {
    for (const [x, y] of [
      [2, 3],
      [-1e15, 1],
      [1e15, 1e15],
    ] as const) {
      const answer = await calculate(`?x=${x}&y=${y}`);
      expect(answer.status).toBe(200);
      const { message, task_id } = (await answer.json()) as CalculateAnswer;
      expect(message).toBe('Calculation task sent.');
      const status = await eventually(`task ${task_id} is over`, async () => {
        const now = await statusOf(task_id, darkroom.adminKey);
        const body = (await now.json()) as ShortTaskStatus;
        return !['PENDING', 'STARTED'].includes(body.status) && body;
      });
      expect(status).toEqual({ task_id, status: 'SUCCESS', result: x + y });
    }
  });

  it('belongs to the user who requested it', async () => {
    const ann = await darkroom.newUserKey(`ann-${engine}`);
    const bob = await darkroom.newUserKey(`bob-${engine}`);
    const answer = await calculate('?x=1&y=1', ann);
    const { task_id } = (await answer.json()) as CalculateAnswer;
    expect((await statusOf(task_id, ann)).status).toBe(200);
    await problemOf(await statusOf(task_id, bob), 404, 'not_found');
    const [task] = await darkroom.database.query('SELECT correlation_id FROM tasks WHERE id = $1', [
      task_id,
    ]);
    expect(task.correlation_id).toBe(answer.headers.get('x-correlation-id'));
  });

  it("does nothing when another site or port sends a request with the browser's cookie", async () => {
    const auth = darkroom.app.get(AuthService);
    const admin = (await darkroom.app.get(ApiKeys).ownerOf(darkroom.adminKey))!;
    const cookie = `darkroom_session=${(await auth.createSession(admin)).token}`;
    const sent = async () =>
      (await darkroom.database.query(`SELECT FROM tasks WHERE name = 'add_numbers'`)).length;
    const before = await sent();
    const ask = (method: string, headers: Record<string, string>) =>
      darkroom.request('/api/v1/calculate?x=1&y=1', {
        method,
        key: null,
        headers: { cookie, ...headers },
      });
    const others: Record<string, string>[] = [
      {},
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { 'sec-fetch-site': 'none' },
      { referer: 'http://127.0.0.1:1/' },
      { origin: 'https://evil.example' },
    ];
    for (const headers of others) {
      await problemOf(await ask('GET', headers), 403, 'cross_site_request');
      expect((await ask('HEAD', headers)).status).toBe(403);
    }
    expect(await sent()).toBe(before);
    expect((await ask('GET', { 'sec-fetch-site': 'same-origin' })).status).toBe(200);
  });

  it('names the invalid fields, and stores nothing', async () => {
    const count = async () =>
      (await darkroom.database.query(`SELECT FROM tasks WHERE name = 'add_numbers'`)).length;
    const before = await count();
    for (const [query, fields] of [
      ['', ['x', 'y']],
      ['?x=1', ['y']],
      ['?x=&y=1', ['x']],
      ['?x=one&y=1.5', ['x', 'y']],
      ['?x=1e3&y=0x10', ['x', 'y']],
      ['?x=1&y=1000000000000001', ['y']],
      [`?x=-${'9'.repeat(400)}&y=1`, ['x']],
      ['?x=1&y=2&z=3', ['z']],
    ] as const) {
      expect(await badFieldsOf(await calculate(query))).toEqual(fields);
    }
    await problemOf(await darkroom.request('/api/v1/calculate?x=1&y=2', { key: null }), 401);
    expect(await count()).toBe(before);
  });
});
