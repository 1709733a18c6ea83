import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createSketch } from '../../src/sketch/sketch-server.js';
import type { HintQueue } from '../../src/infrastructure/queue/queue-engine.js';
import { createQueueEngine } from '../../src/infrastructure/queue/queue.module.js';
import { QUEUE_NAMES, hintQueueOptions } from '../../src/tasks/queues.js';
import { keepPosting, startCluster, type Cluster } from '../support/cluster.js';
import type { TestProcess } from '../support/processes.js';
import { openDatabase, redisServer, startRedis, type RedisServer } from '../support/stores.js';
import { assertSound } from '../support/soundness.js';

/** Faults, one after the other; `npm run test:chaos` makes it a long row. */
const rounds = Number(process.env['DARKROOM_TEST_CHAOS_ROUNDS'] ?? 4);
const seed = Number(process.env['DARKROOM_TEST_CHAOS_SEED'] ?? randomInt(2 ** 31));

/** The same row of numbers for the same seed (a linear congruential generator). */
function numbers(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

interface Field {
  cluster: Cluster;
  workers: TestProcess[];
  redis: RedisServer | undefined;
}

const faults: Record<string, (field: Field, random: (below: number) => number) => Promise<void>> = {
  async 'a worker is killed'({ cluster, workers }, random) {
    const [victim] = workers.splice(random(workers.length), 1);
    victim!.kill('SIGKILL');
    await victim!.ended();
    workers.push(await cluster.startWorker());
  },
  async 'a worker freezes for longer than its lease'({ workers }, random) {
    const victim = workers[random(workers.length)]!;
    victim.kill('SIGSTOP');
    await delay(5_000);
    victim.kill('SIGCONT');
  },
  async 'a worker is replaced'({ cluster, workers }, random) {
    const [old] = workers.splice(random(workers.length), 1);
    old!.kill('SIGTERM');
    workers.push(await cluster.startWorker());
    assert.equal(await old!.ended(), 0);
  },
  async 'every connection to the database breaks'({ cluster }) {
    await cluster.database.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
  },
  async 'the queue is emptied'({ cluster, redis }) {
    if (redis) {
      await redis.kill();
      await redis.start();
    } else {
      await cluster.database.query('TRUNCATE bullmq.job CASCADE');
    }
  },
  async 'the engine restarts'({ cluster }) {
    await cluster.sketch.restart(500);
  },
  async 'the engine answers nonsense'({ cluster }, random) {
    const kinds = ['status_503', 'reset_mid_body', 'truncated_png', 'wrong_size'] as const;
    cluster.sketch.misbehave({ kind: kinds[random(kinds.length)]!, times: 3 });
  },
};

async function survive(t: TestContext, databaseUrl: string, redis?: RedisServer): Promise<void> {
  t.diagnostic(`DARKROOM_TEST_CHAOS_SEED=${seed}`);
  const random = numbers(seed);
  const sketch = createSketch({ stepMs: 30, modelSwitchMs: 0 });
  const cluster = await startCluster(t, { databaseUrl, queueUrl: redis?.url }, sketch);
  const workers = [cluster.worker, await cluster.startWorker()];
  const load = keepPosting(cluster, 150);
  const names = Object.keys(faults);
  for (let round = 0; round < rounds; round++) {
    const name = names[random(names.length)]!;
    t.diagnostic(name);
    await faults[name]!({ cluster, workers, redis }, random);
    await delay(500 + random(1_000));
  }
  await load.stop();
  const codes = [...new Set(load.statuses)].map((code) => [
    code,
    load.statuses.filter((status) => status === code).length,
  ]);
  t.diagnostic(`answers by code: ${JSON.stringify(Object.fromEntries(codes))}`);
  const refused = load.statuses.filter((status) => status !== 202 && status !== 503);
  assert.deepEqual(refused, []);
  // Waits of a minute after an engine's failure are cut short, over and over.
  const engine = createQueueEngine(redis?.url ?? databaseUrl);
  const queues = QUEUE_NAMES.map((name) => engine.createQueue(name, hintQueueOptions));
  const hurry = setInterval(() => void hurryUp(cluster, queues).catch(() => {}), 1_000);
  try {
    await cluster.settled(120_000);
  } finally {
    clearInterval(hurry);
    await Promise.all(queues.map((queue) => queue.close()));
    await engine.close();
  }
  const states = await cluster.database.query(
    `SELECT id, state FROM tasks WHERE name = 'generate_image_task'`,
  );
  const ids = new Set(states.map(({ id }: { id: string }) => id));
  assert.deepEqual(
    load.accepted.filter((id) => !ids.has(id)),
    [],
    'no accepted task is unknown',
  );
  await assertSound(cluster);
  assert.equal(cluster.api.isRunning(), true);
  assert.deepEqual(
    workers.map((worker) => worker.isRunning()),
    workers.map(() => true),
  );
}

async function hurryUp({ database }: Cluster, queues: HintQueue[]): Promise<void> {
  await database.query(`UPDATE tasks SET run_at = now() WHERE state = 'RETRY' AND run_at > now()`);
  await Promise.all(queues.map((queue) => queue.promoteJobs()));
}

it('a row of faults, queue in Postgres', async (t) => {
  const database = await openDatabase();
  t.after(() => database.close());
  await survive(t, database.url);
});

it(
  'a row of faults, queue in Redis',
  { skip: redisServer === undefined && 'no redis-server on the PATH' },
  async (t) => {
    const database = await openDatabase();
    const redis = await startRedis();
    t.after(async () => {
      await redis.stop();
      await database.close();
    });
    await survive(t, database.url, redis);
  },
);
