import { randomInt } from 'node:crypto';
import { afterAll, expect, it } from '@jest/globals';
import { atTestEnd } from '../support/at-test-end.js';
import { setTimeout as delay } from 'node:timers/promises';
import { createSketch } from '../../src/sketch/sketch-server.js';
import type { HintQueue } from '../../src/infrastructure/queue/queue-engine.js';
import { createQueueEngine } from '../../src/infrastructure/queue/create-queue-engine.js';
import { StoreQueue } from '../../src/infrastructure/queue/store-queue.js';
import { QUEUE_NAMES, hintQueueOptions } from '../../src/tasks/definitions/queues.js';
import { faults, recovery } from '../support/chaos-faults.js';
import { keepPosting, startCluster, type Cluster } from '../support/cluster.js';
import { startLink } from '../support/link.js';
import { startPostgresServer } from '../support/postgres-server.js';
import { assertSound } from '../support/soundness.js';
import { redisServer, startRedis } from '../support/stores.js';

/** Faults, one after the other; `npm run test:chaos` makes it a long row. */
const rounds = Number(process.env['DARKROOM_TEST_CHAOS_ROUNDS'] ?? 4);
const outageMs = Number(process.env['DARKROOM_TEST_OUTAGE_SECONDS'] ?? 4) * 1_000;
const seed = Number(process.env['DARKROOM_TEST_CHAOS_SEED'] ?? randomInt(2 ** 31));

type Pool = 'inline' | 'processes';

interface Row {
  queue: 'postgres' | 'redis';
  pool: Pool;
}

const all: Row[] = (['postgres', 'redis'] as const).flatMap((queue) =>
  (['inline', 'processes'] as const).map((pool) => ({ queue, pool })),
);
const rows = rounds < 10 ? [all[0]!, all[3]!] : all;

/** Even the shortest row has one of each, in an order by the seed. */
const always = [
  'Postgres freezes',
  'the engine freezes',
  'connections to the database end, over and over',
  'a worker is killed',
];

/** How a picture may end that a fault has met at each of its attempts: each says what the engine did. */
const allowedFailures = [
  'engine_unavailable',
  'engine_timeout',
  'engine_connection_lost',
  'engine_bad_result',
];

/** The same row of numbers for the same seed (a linear congruential generator). */
function numbers(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

const table: Record<string, unknown>[] = [];
const recoveries = new Map<string, number[]>();
afterAll(() => {
  console.table(table);
  console.table(
    [...recoveries].map(([fault, times]) => ({ fault, 'recovery s': percentiles(times) })),
  );
});

async function survive({ queue, pool }: Row): Promise<void> {
  process.stderr.write(`DARKROOM_TEST_CHAOS_SEED=${seed}\n`);
  const random = numbers(seed);
  const postgres = await startPostgresServer();
  const redis = queue === 'redis' ? await startRedis() : undefined;
  const sketch = createSketch({ stepMs: 60, modelSwitchMs: 0 });
  const engineLink = await startLink(await sketch.listen());
  atTestEnd(async () => {
    await engineLink.close();
    await redis?.stop();
    await postgres.stop();
  });
  const stores = { databaseUrl: postgres.url, queueUrl: redis?.url };
  const cluster = await startCluster(stores, sketch, engineLink.url, {
    WORKER_POOL: pool,
    // Each child of a pool is a process that takes seconds to start.
    WORKER_CONCURRENCY: '1',
  });
  const startWorker = () => cluster.startWorker();
  const workers = [cluster.worker, await startWorker()];
  const field = { cluster, workers, startWorker, postgres, redis, engineLink, outageMs };
  const load = keepPosting(cluster, 150);
  const others = Object.keys(faults).filter((name) => !always.includes(name));
  const names = [...shuffled(always, random), ...shuffled(others, random)];
  for (let round = 0; round < rounds; round++) {
    const name = names[round % names.length]!;
    process.stderr.write(`${name}\n`);
    const times = await recovery(cluster, await faults[name]!(field, random));
    recoveries.set(name, [...(recoveries.get(name) ?? []), ...times]);
    await delay(500 + random(1_000));
  }
  await load.stop();
  await settle(cluster, redis?.url ?? postgres.url);
  const row = { queue, pool, faults: rounds, ...(await tally(cluster, load)) };
  table.push(row);
  expect([row.lost, row.doubled]).toEqual([0, 0]);
  expect(await otherFailures(cluster, load.accepted)).toEqual([]);
  const refused = load.statuses.filter((status) => status !== 202 && status !== 503);
  expect(refused).toEqual([]);
  const unseen = load.looks.filter((status) => status !== 200 && status !== 503);
  expect(unseen).toEqual([]);
  await assertSound(cluster);
  expect([cluster.api, ...workers].map((process) => process.isRunning())).toEqual([
    true,
    true,
    true,
  ]);
}

/** Waits of a minute after an engine's failure are cut short, over and over. */
async function settle(cluster: Cluster, queueUrl: string): Promise<void> {
  const engine = createQueueEngine(queueUrl);
  const queues = QUEUE_NAMES.map(
    (name) => new StoreQueue(name, { ...engine.options, ...hintQueueOptions }),
  );
  const hurry = setInterval(() => void hurryUp(cluster, queues).catch(() => {}), 1_000);
  try {
    await cluster.settled();
  } finally {
    clearInterval(hurry);
    await Promise.all(queues.map((queue) => queue.close()));
    await engine.close();
  }
}

async function hurryUp({ database }: Cluster, queues: HintQueue[]): Promise<void> {
  await database.query(`UPDATE tasks SET run_at = now() WHERE state = 'RETRY' AND run_at > now()`);
  await Promise.all(queues.map((queue) => queue.promoteJobs()));
}

async function tally(
  { database, sketch }: Cluster,
  { accepted, statuses, looks }: ReturnType<typeof keepPosting>,
) {
  const [{ lost, doubled, failed, crashes }] = await database.query(
    `SELECT (SELECT count(*) FROM unnest($1::uuid[]) AS id WHERE id NOT IN (SELECT id FROM tasks))::int AS lost,
            (SELECT count(*) FROM (SELECT FROM generated_images GROUP BY task_id HAVING count(*) > 1) AS d)::int AS doubled,
            count(*) FILTER (WHERE state = 'FAILURE')::int AS failed,
            coalesce(sum(crashes), 0)::int AS crashes
       FROM tasks WHERE name = 'generate_image_task'`,
    [accepted],
  );
  const drawn = sketch.state().jobs.filter(({ outcome }) => outcome === 'done');
  const pictures = new Set(drawn.map(({ id_task }) => id_task.replace(/-a\d+\)$/, '')));
  const codes = [...statuses, ...looks];
  return {
    tasks: accepted.length,
    lost,
    doubled,
    failed,
    crashes,
    'drawn again': drawn.length - pictures.size,
    'answers by code': [...new Set(codes)]
      .toSorted((a, b) => a - b)
      .map((code) => `${code}: ${codes.filter((each) => each === code).length}`)
      .join(', '),
  };
}

/** Accepted pictures that were not made for a reason that no fault here is. */
function otherFailures({ database }: Cluster, accepted: string[]): Promise<unknown[]> {
  return database.query(
    `SELECT id, state, error FROM tasks
      WHERE id = ANY($1) AND state <> 'SUCCESS'
        AND NOT (state = 'FAILURE' AND error->>'code' = ANY($2))`,
    [accepted, allowedFailures],
  );
}

function percentiles(times: number[]): string {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) => (sorted[Math.floor((sorted.length - 1) * part)]! / 1000).toFixed(1);
  return `${sorted.length}: p50 ${at(0.5)}, p95 ${at(0.95)}, max ${at(1)}`;
}

function shuffled(names: string[], random: (below: number) => number): string[] {
  const left = [...names];
  return names.map(() => left.splice(random(left.length), 1)[0]!);
}

for (const row of rows) {
  const skip = row.queue === 'redis' && redisServer === undefined && 'no redis-server on the PATH';
  (skip ? it.skip : it)(`a row of faults, queue in ${row.queue}, pool ${row.pool}`, () =>
    survive(row),
  );
}
