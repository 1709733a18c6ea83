import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
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
  assert.deepEqual(
    ids.filter((id) => !succeeded.has(id)),
    [],
    'every accepted task ended in SUCCESS',
  );
}

async function clusterOnRedis(t: TestContext) {
  const database = await openDatabase();
  const redis = await startRedis();
  t.after(async () => {
    await redis.stop();
    await database.close();
  });
  const cluster = await startCluster(t, { databaseUrl: database.url, queueUrl: redis.url });
  return { cluster, redis };
}

const onlyRedis = { skip: redisServer === undefined && 'no redis-server on the PATH' };

it(
  'Redis stopped under load and wiped: requests go on, every picture is made once',
  onlyRedis,
  async (t) => {
    const { cluster, redis } = await clusterOnRedis(t);
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
    assert.deepEqual([...new Set(load.statuses)], [202]);
    await cluster.settled(120_000);
    await allSucceeded(cluster, load.accepted);
    await assertSound(cluster);
    assert.equal(cluster.api.isRunning() && cluster.worker.isRunning(), true);
  },
);

it('Redis frozen under load: requests go on, and all ends well after', onlyRedis, async (t) => {
  const { cluster, redis } = await clusterOnRedis(t);
  const load = keepPosting(cluster);
  await eventually('some are accepted', () => load.accepted.length >= 5);
  redis.process.kill('SIGSTOP');
  const before = load.statuses.length;
  await delay(outageMs);
  await eventually('more are accepted', () => load.statuses.length >= before + 5);
  redis.process.kill('SIGCONT');
  await load.stop();
  assert.deepEqual([...new Set(load.statuses)], [202]);
  await cluster.settled(120_000);
  await allSucceeded(cluster, load.accepted);
  await assertSound(cluster);
});

it('Postgres restarted under load: only 202 and 503, and every accepted picture is made', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-restart-'));
  const start = () => startEmbeddedPostgres({ dataDir, database: 'darkroom' });
  let postgres = await start();
  t.after(async () => {
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  const cluster = await startCluster(t, { databaseUrl: postgres.url, queueUrl: undefined });
  const load = keepPosting(cluster);
  await eventually('some are accepted', () => load.accepted.length >= 5);
  const { port } = postgres;
  await postgres.stop();
  await delay(outageMs);
  postgres = await start();
  assert.equal(postgres.port, port);
  const before = load.accepted.length;
  await eventually('more are accepted again', () => load.accepted.length >= before + 5);
  await load.stop();
  assert.deepEqual(
    load.statuses.filter((status) => status !== 202 && status !== 503),
    [],
  );
  await cluster.settled(120_000);
  await allSucceeded(cluster, load.accepted);
  await assertSound(cluster);
  assert.equal(cluster.api.isRunning() && cluster.worker.isRunning(), true);
});
