import { setTimeout as delay } from 'node:timers/promises';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import type { Client } from '../lab/client.js';
import { noOpTask } from '../lab/lab.tasks.js';
import { msOf } from '../support/clock.js';
import { p50p99 } from '../support/figures.js';
import { sampled } from '../lab/sampled.js';
import { Samples } from '../support/samples.js';
import type { Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';

/** How soon a waiting process has the result of a task that another one ran. */
const rounds = sized(3, 1);
const count = sized(300, 10);
const perSecond = 50;
/** Long enough for `get` to be waiting when the task ends. */
const runMs = 20;

async function waitFor({ database }: Site, { tasks }: Client): Promise<number> {
  const task = await tasks.send(database.manager, noOpTask, { n: 0 }, { delayMs: runMs });
  await task.get();
  const back = Date.now();
  const [{ end }] = await database.query(
    `SELECT ${msOf('finished_at')} AS end FROM tasks WHERE id = $1`,
    [task.id],
  );
  return back - end;
}

const measure = (engine: QueueEngineName) =>
  sampled(engine, async (site, client, samples) => {
    await site.start('bench/lab/worker.js', 'Serving', { WORKER_CONCURRENCY: '4' });
    for (let n = 0; n < 10; n++) await waitFor(site, client);
    for (let round = 0; round < rounds; round++) {
      const waits: Promise<number>[] = [];
      for (let n = 0; n < count; n++) {
        waits.push(waitFor(site, client));
        await delay(1000 / perSecond);
      }
      const [p50, p99] = p50p99(await Promise.all(waits));
      samples.note({ p50, p99 });
    }
  });

const postgres = await measure('postgres');
const redis = await measure('redis');
const row = Samples.rows(postgres, redis);
printTable({
  title: 'get: from the end of a task to the return of TaskResult.get in another process',
  rows: [row(`p50 at ${perSecond}/s`, 'p50', 'ms', '≤ 50'), row('… p99', 'p99', 'ms', '≤ 50')],
  limit: "The end's commit, a message to the waiting process, one read of the ledger there.",
});
