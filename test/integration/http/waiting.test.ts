import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TaskStatusService } from '../../../src/features/task-status/task-status.service.js';
import { collectGarbage } from '../../support/collect-garbage.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';

const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };
const path = '/api/v1/generate-image';

describe('500 clients that wait at once', () => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom('postgres', {
      workers: false,
      // 500 inserts at once may take a busy machine longer than the usual patience.
      settings: { requestPatienceMs: 60_000 },
    });
  });
  afterAll(() => darkroom.close());

  it('are all answered when their time is over, and other clients meanwhile', async () => {
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
    expect((await darkroom.request('/health/live', { key: null })).status).toBe(200);
    expect(answered).toBeLessThan(500);
    expect([...new Set(await Promise.all(waits))]).toEqual([202]);
  });

  it('stop waiting when they disconnect', async () => {
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
    await eventually('nobody waits', async () => waits.waiting === 0, 50_000);
  });
});
