import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { Metrics } from '../../../src/features/metrics/metrics.js';
import { MetricsServer } from '../../../src/features/metrics/metrics-server.js';
import { lengths } from '../../../src/tasks/operations/queue-lengths.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';
import { eventually } from '../../support/eventually.js';
import { startLink } from '../../support/link.js';
import { metricsOfDashboard, metricsOfRules } from '../../support/promql.js';
import { scrape } from '../../support/scrape.js';
import { openDatabase } from '../../support/stores.js';

const picture = { prompt: 'CANARY3f', width: 64, height: 64, steps: 1 };
const token = 'a-token-of-the-test';

async function withDarkroom(
  options: Parameters<typeof startDarkroom>[1],
  test: (darkroom: TestDarkroom) => Promise<void>,
): Promise<void> {
  const { settings, ...others } = options!;
  const darkroom = await startDarkroom('postgres', {
    ...others,
    settings: { metricsPort: 0, ...settings },
  });
  try {
    await test(darkroom);
  } finally {
    await darkroom.close();
  }
}

describe('metrics', () => {
  it('of a picture: requests by route, the engine, the upload; no prompt, key or address (security 38)', async () => {
    await withDarkroom({}, async (darkroom) => {
      const id = await darkroom.generate(picture);
      expect((await darkroom.finished(id)).status).toBe('SUCCESS');
      for (const path of ['/CANARY4a', '/api/v1/CANARY5b?x=CANARY6c']) {
        expect((await darkroom.request(path)).status).toBe(404);
      }
      await darkroom.request('/api/v1/tasks', { key: 'dk_CANARY8d' });
      const upload = 'name="upload_to_cloud_task",queue="normal_priority"';
      const { text, value } = await eventually('the upload has ended', async () => {
        const now = await scrape(darkroom.app);
        return now.value('darkroom_tasks_ended_total', `${upload},state="SUCCESS"`) === 1 && now;
      });
      const requests = (labels: string) => value('darkroom_http_requests_total', labels);
      expect(requests('method="POST",route="/api/v1/generate-image",status="202"')).toBe(1);
      expect(requests('method="GET",route="none",status="404"')).toBe(2);
      expect(requests('method="GET",route="/api/v1/tasks",status="401"')).toBe(1);
      const status = 'method="GET",route="/api/v1/generation-status/:task_id"';
      expect(value('darkroom_http_request_seconds_count', status)).toBeGreaterThan(0);
      expect(value('darkroom_engine_calls_total', 'backend="1",outcome="succeeded"')).toBe(1);
      expect(value('darkroom_engine_pictures_total', 'backend="1"')).toBe(1);
      expect(value('darkroom_engine_picture_seconds_count', 'backend="1"')).toBe(1);
      expect(value('darkroom_engine_busy_seconds_total', 'backend="1"')).toBeGreaterThan(0);
      expect(value('darkroom_engine_up', 'backend="1"')).toBe(1);
      const { databaseUrl, engineUrls } = darkroom.settings;
      for (const secret of ['CANARY', id, darkroom.adminKey, new URL(databaseUrl).password]) {
        expect(text).not.toContain(secret);
      }
      for (const place of [databaseUrl, engineUrls[0]!]) {
        expect(text).not.toContain(new URL(place).host);
      }
    });
  });

  it('of the queues: how many tasks wait, how long, and what waits for the storage', async () => {
    await withDarkroom({ workers: false }, async (darkroom) => {
      const [first] = [await darkroom.generate(picture), await darkroom.generate(picture)];
      await darkroom.database.query(
        `UPDATE tasks SET run_at = now() - interval '100 s' WHERE id = $1`,
        [first],
      );
      await darkroom.database.query(
        `UPDATE tasks SET run_at = now() + interval '1 h' WHERE id = $1`,
        [await darkroom.generate(picture)],
      );
      await darkroom.database.query(
        `UPDATE tasks SET state = 'STARTED', started_at = now(), run_at = now() - interval '1 h',
                lease_until = now() + interval '1 h' WHERE id = $1`,
        [await darkroom.generate(picture)],
      );
      await darkroom.database.query('UPDATE tasks SET blocked = true WHERE id = $1', [
        await darkroom.generate(picture),
      ]);
      const { value } = await scrape(darkroom.app);
      const tasks = (state: string) =>
        value('darkroom_queue_tasks', `queue="high_priority",state="${state}"`);
      expect([tasks('waiting'), tasks('delayed'), tasks('running')]).toEqual([2, 1, 1]);
      const oldest = value('darkroom_queue_oldest_seconds', 'queue="high_priority"');
      expect(oldest).toBeGreaterThanOrEqual(100);
      expect(oldest).toBeLessThan(3_000);
      expect(value('darkroom_queue_oldest_seconds', 'queue="low_priority"')).toBe(0);
      expect(value('darkroom_spool_bytes')).toBe(0);
      expect(value('darkroom_spool_max_bytes')).toBe(darkroom.settings.spoolMaxBytes);
      expect(value('darkroom_database_up')).toBe(1);
      expect(value('darkroom_queue_store_up')).toBe(1);
      // A moment later it is the same answer.
      await darkroom.generate(picture);
      const again = await Promise.all(Array.from({ length: 20 }, () => scrape(darkroom.app)));
      for (const { value: seen } of again) {
        expect(seen('darkroom_queue_tasks', 'queue="high_priority",state="waiting"')).toBe(2);
      }
    });
  });

  it('of the queues are read from indexes only, so a large table costs nothing', async () => {
    const database = await openDatabase();
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      await client.query('SET enable_seqscan = off');
      const plan = await client.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${lengths}`, [
        ['high_priority'],
      ]);
      const scans = plan.rows.flatMap(
        (row) => / (\w+) on tasks/.exec(row['QUERY PLAN'])?.[1] ?? [],
      );
      expect(new Set(scans)).toEqual(new Set(['tasks_waiting', 'tasks_running']));
      expect(scans).toHaveLength(4);
    } finally {
      await client.end();
      await database.close();
    }
  });

  it('count what the children of a process pool ask of the engines', async () => {
    const settings = { workerPool: 'processes' as const, workerConcurrency: 1 };
    await withDarkroom({ settings }, async (darkroom) => {
      const id = await darkroom.generate(picture);
      expect((await darkroom.finished(id, 60_000)).status).toBe('SUCCESS');
      const { value } = await scrape(darkroom.app);
      expect(value('darkroom_engine_pictures_total', 'backend="1"')).toBe(1);
      expect(value('darkroom_engine_calls_total', 'backend="1",outcome="succeeded"')).toBe(1);
    });
  });

  it('are answered while Postgres is frozen, without what it knows', async () => {
    const database = await openDatabase();
    const link = await startLink(database.url);
    const settings = { databaseUrl: link.url };
    try {
      await withDarkroom({ settings, workers: false }, async (darkroom) => {
        await scrape(darkroom.app);
        link.freeze();
        try {
          const frozen = await eventually('the last answer is too old', async () => {
            const now = await scrape(darkroom.app);
            return now.value('darkroom_database_up') === 0 && now;
          });
          expect(frozen.text).not.toMatch(/^darkroom_queue_tasks\{/m);
          expect(frozen.value('darkroom_spool_bytes')).toBeUndefined();
          expect(frozen.value('process_start_time_seconds')).toBeGreaterThan(0);
        } finally {
          link.thaw();
        }
        await eventually('it answers again', async () => {
          return (await scrape(darkroom.app)).value('darkroom_database_up') === 1;
        });
      });
    } finally {
      await link.close();
      await database.close();
    }
  });

  it('can only be read, at one path, and with the token if there is one (security 1)', async () => {
    await withDarkroom({ workers: false, settings: { metricsToken: token } }, async (darkroom) => {
      const { app, adminKey } = darkroom;
      const { url } = app.get(MetricsServer);
      const status = async (path: string, authorization?: string, method = 'GET') => {
        const headers = new Headers();
        if (authorization !== undefined) headers.set('authorization', authorization);
        return (await fetch(new URL(path, url), { method, headers })).status;
      };
      expect(await status('/metrics', `Bearer ${token}`)).toBe(200);
      expect(await status('/metrics?x=1', `bearer ${token}`)).toBe(200);
      expect(await status('/metrics', `Bearer ${token}`, 'POST')).toBe(405);
      expect(await status('/', `Bearer ${token}`)).toBe(404);
      expect(await status('/metricsx', `Bearer ${token}`)).toBe(404);
      for (const wrong of [undefined, token, 'Bearer', `Bearer ${token}x`, `Basic ${token}`]) {
        for (const path of ['/metrics', '/x']) expect(await status(path, wrong)).toBe(401);
      }
      expect(await status(`/metrics?token=${token}`)).toBe(401);
      expect(await status('/metrics', `Bearer ${adminKey}`)).toBe(401);
      // The API itself has no such route.
      expect((await darkroom.request('/metrics')).status).toBe(404);
    });
  });

  it('are on a port that is free, or the process does not start; without METRICS_PORT they are nowhere', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const metricsPort = (other.address() as AddressInfo).port;
    try {
      const start = async (port: number | undefined, host = '127.0.0.1') => {
        const settings = { metricsPort: port, metricsHost: host, metricsToken: undefined };
        const server = new MetricsServer(new Metrics({ ...settings, isChild: false }), settings);
        await server.onApplicationBootstrap();
        return server;
      };
      await expect(start(metricsPort)).rejects.toThrow(
        `Port ${metricsPort} on 127.0.0.1 is taken by another program`,
      );
      await expect(start(0, '192.0.2.1')).rejects.toThrow('METRICS_HOST');
      expect((await start(undefined)).url).toBeUndefined();
    } finally {
      other.close();
    }
  });

  it('have every name that the dashboard and the alerts ask for', async () => {
    await withDarkroom({}, async ({ app }) => {
      const { names } = await scrape(app);
      // Prometheus makes it for each process that it asks.
      names.add('up');
      const dashboard = metricsOfDashboard(
        readFileSync('docker/grafana/dashboards/darkroom.json', 'utf8'),
      );
      const rules = metricsOfRules(readFileSync('docker/prometheus/alerts.yml', 'utf8'));
      expect([...dashboard, ...rules].filter((name) => !names.has(name))).toEqual([]);
      const ours = [...names].filter((name) => name.startsWith('darkroom_')).map(familyOf);
      const shown = new Set([...dashboard, ...rules].map(familyOf));
      expect(ours.filter((name) => !shown.has(name))).toEqual([]);
      const page = readFileSync('docs/operations.md', 'utf8');
      expect(ours.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
    });
  });
});

function familyOf(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '');
}
