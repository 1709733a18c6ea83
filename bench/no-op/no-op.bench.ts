import { setTimeout as delay } from 'node:timers/promises';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import type { Client } from '../lab/client.js';
import { sampled } from '../lab/sampled.js';
import { Samples } from '../support/samples.js';
import { p50p99, perSecond } from '../support/figures.js';
import { settled, type Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';
import { watchUsage } from '../support/usage.js';

/** What a task costs beside its handler: sent, queued, claimed, run, SUCCESS in the ledger. */
const rounds = sized(3, 1);
const count = sized(5_000, 200);
const calmPerSecond = 50;
const concurrency = '25';

/** One worker process works off `count` tasks while they are being sent. */
async function volume(site: Site, client: Client, pid: number, samples: Samples): Promise<void> {
  const usage = watchUsage(pid);
  const start = performance.now();
  await client.send(count);
  await settled(site);
  const { cpuMs, idle } = usage();
  const rate = perSecond(count, performance.now() - start);
  samples.note({ rate, cpu: cpuMs / count, idle });
}

/** From send to SUCCESS by the database's clock while there is little to do. */
async function calm(site: Site, client: Client, samples: Samples): Promise<void> {
  const [{ now }] = await site.database.query('SELECT now()');
  for (let n = 0; n < sized(300, 20); n++) {
    await Promise.all([client.sendOne(n), delay(1000 / calmPerSecond)]);
  }
  await settled(site);
  const tasks = await site.database.query(
    `SELECT extract(epoch FROM finished_at - created_at)::float8 * 1000 AS ms
       FROM tasks WHERE created_at >= $1`,
    [now],
  );
  const [p50, p99] = p50p99(tasks.map((task: { ms: number }) => task.ms));
  samples.note({ p50, p99 });
}

const measure = (engine: QueueEngineName) =>
  sampled(engine, async (site, client, samples) => {
    const worker = await site.start('bench/lab/worker.js', 'Serving', {
      WORKER_CONCURRENCY: concurrency,
    });
    await volume(site, client, worker.child.pid!, new Samples());
    for (let round = 0; round < rounds; round++) {
      await volume(site, client, worker.child.pid!, samples);
      await calm(site, client, samples);
    }
  });

const postgres = await measure('postgres');
const redis = await measure('redis');
const row = Samples.rows(postgres, redis);
printTable({
  title: 'no-op: a task that does nothing, from send to SUCCESS in the ledger',
  rows: [
    row(`tasks, one worker process, ${concurrency} at once`, 'rate', '/s', '≥ 1000 on Redis'),
    row('CPU of the worker for each', 'cpu', 'ms'),
    row('idle cores meanwhile', 'idle', '%'),
    row(`p50 at ${calmPerSecond}/s`, 'p50', 'ms'),
    row(`p99 at ${calmPerSecond}/s`, 'p99', 'ms'),
  ],
  limit:
    'Redis: CPU for the ledger, two commits a task (claim, end): 0.6 ms of Postgres, 0.5 ms of the worker, ' +
    'of which 40 % is writing to Postgres. Postgres: 2 ms more of it in the SQL functions of BullMQ for each hint.',
});
