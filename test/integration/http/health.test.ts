import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Readiness } from '../../../src/features/health/readiness.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { problemOf } from '../../support/problem.js';
import { startLink } from '../../support/link.js';
import { openDatabase, redisServer, startRedis } from '../../support/stores.js';

const up = { status: 'ready', database: 'up', queue: 'up', engine: 'up' };

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
  it('says live, and says ready until the API drains', async () => {
    const darkroom = await startDarkroom('postgres', { workers: false });
    try {
      const live = await darkroom.request('/health/live', { key: null });
      expect([live.status, await live.json()]).toEqual([200, { status: 'live' }]);
      expect(live.headers.get('cache-control')).toBe('no-store');
      await becomes(darkroom, 200, up);
      darkroom.app.get(Readiness).setDraining();
      await becomes(darkroom, 503, { ...up, status: 'draining' });
      expect((await darkroom.request('/health/live', { key: null })).status).toBe(200);
      await darkroom.generate({ prompt: 'still accepted' });
    } finally {
      await darkroom.close();
    }
  });

  it('says ready without an engine, and reports when the engine is back', async () => {
    const darkroom = await startDarkroom('postgres', { workers: false });
    try {
      await becomes(darkroom, 200, up);
      const back = darkroom.sketch.restart(8_000);
      await becomes(darkroom, 200, { ...up, engine: 'down' });
      await darkroom.generate({ prompt: 'accepted all the same', model: 'who knows' });
      await back;
      await becomes(darkroom, 200, up);
    } finally {
      await darkroom.close();
    }
  });

  it('answers without waiting for a frozen engine', async () => {
    const frozen = createServer(() => {}).listen(0, '127.0.0.1');
    await once(frozen, 'listening');
    const { port } = frozen.address() as AddressInfo;
    const settings = { engineUrls: [`http://127.0.0.1:${port}`] };
    const darkroom = await startDarkroom('postgres', { settings, workers: false });
    try {
      expect(await ready(darkroom)).toBe(`200 ${JSON.stringify({ ...up, engine: 'down' })}`);
      await darkroom.generate({ prompt: 'accepted at once', sampler_name: 'who knows' });
    } finally {
      await darkroom.close();
      frozen.closeAllConnections();
      frozen.close();
    }
  });

  (redisServer === undefined ? it.skip : it)(
    'without its queue: ready all the same, and tasks are accepted',
    async () => {
      const redis = await startRedis();
      const darkroom = await startDarkroom('postgres', { settings: { queueUrl: redis.url } });
      try {
        await becomes(darkroom, 200, up);
        await redis.kill();
        await becomes(darkroom, 200, { ...up, queue: 'down' });
        const taskId = await darkroom.generate({ prompt: 'x', width: 64, height: 64, steps: 1 });
        const board = await darkroom.request('/admin/queues/api/queues');
        expect(board.headers.has('retry-after')).toBe(true);
        await problemOf(board, 503, 'unavailable');
        await redis.start();
        await becomes(darkroom, 200, up);
        expect((await darkroom.finished(taskId)).status).toBe('SUCCESS');
      } finally {
        await darkroom.close();
        await redis.stop();
      }
    },
  );

  it('says live but not ready without the database, while other routes get 503 until it is back (security 21)', async () => {
    const database = await openDatabase();
    const link = await startLink(database.url);
    const settings = { databaseUrl: link.url };
    const darkroom = await startDarkroom('postgres', { settings, workers: false });
    try {
      await link.cut();
      await becomes(darkroom, 503, {
        ...up,
        status: 'unavailable',
        database: 'down',
        queue: 'down',
      });
      expect((await darkroom.request('/health/live', { key: null })).status).toBe(200);
      for (const path of ['/api/v1/task_status/x', '/api/docs', '/admin/queues']) {
        const answer = await darkroom.request(path);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        const { detail } = await problemOf(answer, 503, 'unavailable');
        expect(detail).not.toMatch(/postgres|connect|127/i);
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
