import { setTimeout as delay } from 'node:timers/promises';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import type { Client } from '../lab/client.js';
import { databaseNow, msOf } from '../support/clock.js';
import { median, perSecond } from '../support/figures.js';
import { sampled } from '../lab/sampled.js';
import { Samples } from '../support/samples.js';
import { settled, type Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';

/** What it costs to run a task in a child process instead of the worker itself. */
const rounds = sized(3, 1);
const count = sized(1_000, 20);
/** Enough for many replacements, which are slow. */
const replacedCount = sized(300, 20);
const calmCount = sized(100, 5);
const calmPerSecond = 50;
const concurrency = sized('4', '1');

const pools = {
  inline: { WORKER_POOL: 'inline' },
  kept: { WORKER_POOL: 'processes', WORKER_MAX_TASKS_PER_CHILD: '0' },
  replaced: { WORKER_POOL: 'processes', WORKER_MAX_TASKS_PER_CHILD: '50' },
};

async function volume(site: Site, client: Client, count: number): Promise<number> {
  const start = performance.now();
  await client.send(count);
  await settled(site);
  return perSecond(count, performance.now() - start);
}

/** Median from send to SUCCESS while there is little to do, milliseconds. */
async function calm(site: Site, client: Client): Promise<number> {
  const start = await databaseNow(site.database);
  for (let n = 0; n < calmCount; n++) {
    await Promise.all([client.sendOne(n), delay(1000 / calmPerSecond)]);
  }
  await settled(site);
  const tasks = await site.database.query(
    `SELECT ${msOf('finished_at')} - ${msOf('created_at')} AS ms FROM tasks
      WHERE ${msOf('created_at')} >= $1`,
    [start],
  );
  return median(tasks.map((task: { ms: number }) => task.ms));
}

async function one(site: Site, client: Client, pool: keyof typeof pools, tasks = count) {
  const env = { WORKER_CONCURRENCY: concurrency, ...pools[pool] };
  const worker = await site.start('bench/lab/worker.js', 'Serving', env);
  await client.send(sized(200, 2));
  await settled(site);
  const figures = { rate: await volume(site, client, tasks), p50: await calm(site, client) };
  await site.end(worker);
  return figures;
}

const measure = (engine: QueueEngineName) =>
  sampled(engine, async (site, client, samples) => {
    for (let round = 0; round < rounds; round++) {
      const inline = await one(site, client, 'inline');
      const kept = await one(site, client, 'kept');
      const replaced = await one(site, client, 'replaced', replacedCount);
      samples.note({
        inlineRate: inline.rate,
        keptRate: kept.rate,
        keptRatio: kept.rate / inline.rate,
        replacedRate: replaced.rate,
        replacedRatio: replaced.rate / inline.rate,
        inlineP50: inline.p50,
        keptP50: kept.p50,
        keptMore: kept.p50 - inline.p50,
      });
    }
  });

const postgres = await measure('postgres');
const redis = await measure('redis');
const row = Samples.rows(postgres, redis);
printTable({
  title: `pool: a task that does nothing, inline and in child processes, ${concurrency} at once`,
  rows: [
    row('inline', 'inlineRate', '/s'),
    row('processes, children kept', 'keptRate', '/s'),
    row('… : inline', 'keptRatio', '×'),
    row('processes, a child replaced after 50 tasks (default)', 'replacedRate', '/s'),
    row('… : inline', 'replacedRatio', '×'),
    row(`inline, p50 at ${calmPerSecond}/s`, 'inlineP50', 'ms'),
    row(`processes, children kept, p50 at ${calmPerSecond}/s`, 'keptP50', 'ms'),
    row('… more than inline', 'keptMore', 'ms'),
  ],
  limit:
    'Kept: two messages between the processes, and as many event loops as children on the same cores. Replaced: ' +
    'the start of a child for each 50 tasks.',
});
