import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { TaskStatusService } from '../../../src/features/task-status/task-status.service.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';

const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };
const path = '/api/v1/generate-image';

describe('many clients that wait at once', () => {
  let darkroom: TestDarkroom;
  before(async () => {
    darkroom = await startDarkroom('postgres', { workers: false });
  });
  after(() => darkroom.close());

  it('all 500 are answered when their time is over, and others meanwhile', async () => {
    let answered = 0;
    const waits = Array.from({ length: 500 }, async () => {
      const answer = await darkroom.post(path, body, { prefer: 'wait=8' });
      answered++;
      return answer.status;
    });
    await eventually('all are accepted', async () => {
      const [tasks] = await darkroom.database.query('SELECT count(*)::int AS n FROM tasks');
      return (tasks as { n: number }).n === 500;
    });
    await collectGarbage();
    assert.equal((await darkroom.request('/health/live', { key: null })).status, 200);
    assert.ok(answered < 500, 'the other request was answered only after the waits');
    assert.deepEqual([...new Set(await Promise.all(waits))], [202]);
  });

  it('a wait is over when its client hangs up', async () => {
    const waits = darkroom.app.get(TaskStatusService);
    const clients = Array.from({ length: 50 }, () => new AbortController());
    const requests = clients.map(({ signal }) =>
      darkroom.request(path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', prefer: 'wait=60' },
        signal,
      }),
    );
    await eventually('all wait', async () => waits.waiting === 50);
    for (const client of clients) client.abort();
    await Promise.allSettled(requests);
    await eventually('nobody waits', async () => waits.waiting === 0, 4_000);
  });
});
