import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { atTestEnd } from '../support/at-test-end.js';
import { setTimeout as delay } from 'node:timers/promises';
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded/embedded-postgres.js';
import { keepPosting, startCluster, type Cluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { openDatabase, redisServer, startRedis } from '../support/stores.js';
import { assertSound } from '../support/soundness.js';

/** How long a store is away; `npm run test:chaos` makes it a minute. */
const outageMs = Number(process.env['DARKROOM_TEST_OUTAGE_SECONDS'] ?? 4) * 1_000;

async function allSucceeded({ database }: Cluster, ids: string[]): Promise<void> {
  const done = await database.query(
    `SELECT id FROM tasks WHERE state = 'SUCCESS' AND name = 'generate_image_task'`,
  );
  const succeeded = new Set(done.map((row: { id: string }) => row.id));
  expect(ids.filter((id) => !succeeded.has(id))).toEqual([]);
}

async function clusterOnRedis() {
  const database = await openDatabase();
  const redis = await startRedis();
  atTestEnd(async () => {
    await redis.stop();
    await database.close();
  });
  const cluster = await startCluster({ databaseUrl: database.url, queueUrl: redis.url });
  return { cluster, redis };
}

const onlyRedis = { skip: redisServer === undefined && 'no redis-server on the PATH' };

(onlyRedis.skip ? it.skip : it)(
  'Redis stopped under load and wiped: requests go on, every picture is made once',
  async () => {
    const { cluster, redis } = await clusterOnRedis();
    const load = keepPosting(cluster);
    await eventually('some are accepted', () => load.accepted.length >= 5);
    await redis.kill();
    const before = load.statuses.length;
    await delay(outageMs);
    await eventually('more are accepted', () => load.statuses.length >= before + 5);
    await redis.start();
    const after = load.statuses.length;
    await eventually('more are accepted again', () => load.statuses.length >= after + 5);
    await load.stop();
    expect([...new Set(load.statuses)]).toEqual([202]);
    await cluster.settled();
    await allSucceeded(cluster, load.accepted);
    await assertSound(cluster);
    expect(cluster.api.isRunning() && cluster.worker.isRunning()).toBe(true);
  },
);

(onlyRedis.skip ? it.skip : it)(
  'Redis frozen under load: requests go on, and all ends well after',
  async () => {
    const { cluster, redis } = await clusterOnRedis();
    const load = keepPosting(cluster);
    await eventually('some are accepted', () => load.accepted.length >= 5);
    redis.process.kill('SIGSTOP');
    const before = load.statuses.length;
    await delay(outageMs);
    await eventually('more are accepted', () => load.statuses.length >= before + 5);
    redis.process.kill('SIGCONT');
    await load.stop();
    expect([...new Set(load.statuses)]).toEqual([202]);
    await cluster.settled();
    await allSucceeded(cluster, load.accepted);
    await assertSound(cluster);
  },
);

it('requests get only 202 and 503 when Postgres restarts under load, and every accepted picture is made', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-restart-'));
  const start = () => startEmbeddedPostgres({ dataDir, database: 'darkroom' });
  let postgres = await start();
  atTestEnd(async () => {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  const cluster = await startCluster({ databaseUrl: postgres.url, queueUrl: undefined });
  const load = keepPosting(cluster);
  await eventually('some are accepted', () => load.accepted.length >= 5);
  const { port } = postgres;
  await postgres.stop();
  await delay(outageMs);
  postgres = await start();
  expect(postgres.port).toBe(port);
  const before = load.accepted.length;
  await eventually('more are accepted again', () => load.accepted.length >= before + 5);
  await load.stop();
  expect(load.statuses.filter((status) => status !== 202 && status !== 503)).toEqual([]);
  await cluster.settled();
  await allSucceeded(cluster, load.accepted);
  const counted = await cluster.database.query(
    'SELECT name, retries, crashes, error FROM tasks WHERE retries > 0 OR crashes > 0',
  );
  expect(counted).toEqual([]);
  await assertSound(cluster);
  expect(cluster.api.isRunning() && cluster.worker.isRunning()).toBe(true);
});
