import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { CalculateAnswer } from '../../src/features/calculate/calculate.dto.js';
import type { ShortTaskStatus } from '../../src/features/task-status/task-status.dto.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { badFieldsOf, problemOf } from '../support/problem.js';
import { onBothQueueEngines } from '../support/queue-engines.js';

onBothQueueEngines('GET /api/v1/calculate', (engine) => {
  let darkroom: TestDarkroom;
  before(async () => {
    darkroom = await startDarkroom(engine);
  });
  after(() => darkroom.close());

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
      assert.equal(answer.status, 200);
      const { message, task_id } = (await answer.json()) as CalculateAnswer;
      assert.equal(message, 'Calculation task sent.');
      const status = await eventually(`task ${task_id} is over`, async () => {
        const now = await statusOf(task_id, darkroom.adminKey);
        const body = (await now.json()) as ShortTaskStatus;
        return !['PENDING', 'STARTED'].includes(body.status) && body;
      });
      assert.deepEqual(status, { task_id, status: 'SUCCESS', result: x + y });
    }
  });

  it('belongs to whoever asked', async () => {
    const ann = await darkroom.newUserKey(`ann-${engine}`);
    const bob = await darkroom.newUserKey(`bob-${engine}`);
    const answer = await calculate('?x=1&y=1', ann);
    const { task_id } = (await answer.json()) as CalculateAnswer;
    assert.equal((await statusOf(task_id, ann)).status, 200);
    await problemOf(await statusOf(task_id, bob), 404, 'not_found');
    const [task] = await darkroom.database.query('SELECT correlation_id FROM tasks WHERE id = $1', [
      task_id,
    ]);
    assert.equal(task.correlation_id, answer.headers.get('x-correlation-id'));
  });

  it('names the fields that are wrong, and stores nothing', async () => {
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
      assert.deepEqual(await badFieldsOf(await calculate(query)), fields, query);
    }
    await problemOf(await darkroom.request('/api/v1/calculate?x=1&y=2', { key: null }), 401);
    assert.equal(await count(), before);
  });
});
