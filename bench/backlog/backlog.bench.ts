import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.js';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import { openClient, type Client } from '../lab/client.js';
import { databaseNow, msOf } from '../support/clock.js';
import { perSecond } from '../support/figures.js';
import { Samples } from '../support/samples.js';
import { dispatched, openSite, type Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable, type Row } from '../support/table.js';
import { fill } from './filling.js';

/**
 * Whether a worker gets slower when many tasks wait. Beside the site with the backlog stands one with
 * ten waiting tasks, and both are measured in turns.
 */
const few = 10;
const sizes = sizesWanted();
const rounds = sized(3, 1);
const warmUp = sized(500, 5);
const count = sized(3_000, 20);
const concurrency = '25';
/** Each look reads an index of all that have ended. */
const lookEveryMs = 200;

interface Side {
  site: Site;
  client: Client;
}

/** Urgent tasks are sent, then a worker starts and runs them before all that waits. */
async function workOff({ site, client }: Side) {
  const since = await databaseNow(site.database);
  const start = performance.now();
  await client.send(warmUp + count);
  await dispatched(site);
  const sent = perSecond(warmUp + count, performance.now() - start);
  const worker = await site.start('bench/lab/worker.js', 'Serving', {
    WORKER_CONCURRENCY: concurrency,
  });
  const ends = await eventually(
    'the urgent ones are over',
    async () => {
      await delay(lookEveryMs);
      return endsOf(site, since);
    },
    300_000,
  );
  await site.end(worker);
  return { sent, rate: perSecond(count, ends.last - ends.warm) };
}

async function endsOf({ database }: Site, since: number) {
  const ends: { at: number }[] = await database.query(
    `SELECT ${msOf('finished_at')} AS at FROM tasks
      WHERE finished_at > to_timestamp($1::float8 / 1000) ORDER BY finished_at LIMIT $2`,
    [since, warmUp + count],
  );
  if (ends.length < warmUp + count) return null;
  return { warm: ends[warmUp - 1]!.at, last: ends.at(-1)!.at };
}

async function openSide(engine: QueueEngineName): Promise<Side> {
  const site = await openSite(engine);
  return { site, client: await openClient(site) };
}

async function measure(engine: QueueEngineName): Promise<Samples> {
  const samples = new Samples();
  const small = await openSide(engine);
  const large = await openSide(engine);
  try {
    for (const waiting of sizes) {
      const { added, queueMs } = await fill(large.client, waiting);
      samples.note({ [`filled ${waiting}`]: perSecond(added, queueMs) });
      for (let round = 0; round < rounds; round++) {
        await fill(small.client, few);
        const alone = await workOff(small);
        await fill(large.client, waiting);
        const crowded = await workOff(large);
        samples.note({
          [`rate ${few}`]: alone.rate,
          [`rate ${waiting}`]: crowded.rate,
          [`ratio ${waiting}`]: crowded.rate / alone.rate,
          [`sent ${waiting}`]: crowded.sent / alone.sent,
        });
      }
    }
    return samples;
  } finally {
    for (const { site, client } of [small, large]) {
      await client.close();
      await site.close();
    }
  }
}

/** BENCH_BACKLOG=1000,100000 measures with these alone. */
function sizesWanted(): number[] {
  const wanted = process.env['BENCH_BACKLOG'];
  if (wanted) return wanted.split(',').map(Number);
  return sized([1_000, 100_000, 1_000_000], [100]);
}

const postgres = await measure('postgres');
const redis = await measure('redis');
const row = Samples.rows(postgres, redis);
const shown = (n: number) => n.toLocaleString('en');
const rows: Row[] = [row(`${few} tasks waiting: worked off`, `rate ${few}`, '/s')];
for (const waiting of sizes) {
  rows.push(
    row(`${shown(waiting)} waiting: worked off`, `rate ${waiting}`, '/s'),
    row(`… : ${few} waiting`, `ratio ${waiting}`, '×', '≈ 1'),
    row(`… sent and handed to the queue : ${few} waiting`, `sent ${waiting}`, '×', '≈ 1'),
    row('… hints added while filling', `filled ${waiting}`, '/s'),
  );
}
printTable({
  title: 'backlog: a task that does nothing, while others wait at a lower priority',
  rows,
  limit:
    'As no-op. Postgres with a million: each task was seen to touch more pages of the ledger and the queue; ' +
    'that this is all of the loss was not shown.',
});
