import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Readiness } from '../../../src/features/health/readiness.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { problemOf } from '../../support/problem.js';
import { startLink } from '../../support/link.js';
import { openDatabase, redisServer, startRedis } from '../../support/stores.js';

const up = { status: 'ready', database: 'up', queue: 'up' };

/** The answer for a stranger, as `status body`. */
async function ready(darkroom: TestDarkroom): Promise<string> {
  const answer = await darkroom.request('/health/ready', { key: null });
  return `${answer.status} ${await answer.text()}`;
}

async function becomes(darkroom: TestDarkroom, status: number, report: object): Promise<void> {
  const wanted = `${status} ${JSON.stringify(report)}`;
  await eventually(wanted, async () => (await ready(darkroom)) === wanted);
}

describe('health', () => {
  it('is live, and ready until it drains', async () => {
    const darkroom = await startDarkroom('postgres', { workers: false });
    try {
      const live = await darkroom.request('/health/live', { key: null });
      assert.deepEqual([live.status, await live.json()], [200, { status: 'live' }]);
      assert.equal(live.headers.get('cache-control'), 'no-store');
      await becomes(darkroom, 200, up);
      darkroom.app.get(Readiness).setDraining();
      await becomes(darkroom, 503, { ...up, status: 'draining' });
      assert.equal((await darkroom.request('/health/live', { key: null })).status, 200);
      await darkroom.generate({ prompt: 'still accepted' });
    } finally {
      await darkroom.close();
    }
  });

  it(
    'without its queue: ready all the same, and tasks are accepted',
    {
      skip: redisServer === undefined,
    },
    async () => {
      const redis = await startRedis();
      const darkroom = await startDarkroom('postgres', { settings: { queueUrl: redis.url } });
      try {
        await becomes(darkroom, 200, up);
        await redis.kill();
        await becomes(darkroom, 200, { ...up, queue: 'down' });
        const taskId = await darkroom.generate({ prompt: 'x', width: 64, height: 64, steps: 1 });
        const board = await darkroom.request('/admin/queues/api/queues');
        assert.ok(board.headers.has('retry-after'));
        await problemOf(board, 503, 'unavailable');
        await redis.start();
        await becomes(darkroom, 200, up);
        assert.equal((await darkroom.finished(taskId)).status, 'SUCCESS');
      } finally {
        await darkroom.close();
        await redis.stop();
      }
    },
  );

  it('without its database: live, not ready, and 503 for the rest until it is back', async () => {
    const database = await openDatabase();
    const link = await startLink(database.url);
    const settings = { databaseUrl: link.url };
    const darkroom = await startDarkroom('postgres', { settings, workers: false });
    try {
      await link.cut();
      await becomes(darkroom, 503, { status: 'unavailable', database: 'down', queue: 'down' });
      assert.equal((await darkroom.request('/health/live', { key: null })).status, 200);
      for (const path of ['/api/v1/task_status/x', '/api/docs', '/admin/queues']) {
        const answer = await darkroom.request(path);
        assert.ok(Number(answer.headers.get('retry-after')) > 0);
        const { detail } = await problemOf(answer, 503, 'unavailable');
        assert.doesNotMatch(detail, /postgres|connect|127/i);
      }
      await link.mend();
      await becomes(darkroom, 200, up);
      await darkroom.generate({ prompt: 'x' });
    } finally {
      await darkroom.close();
      await link.close();
      await database.close();
    }
  });
});
