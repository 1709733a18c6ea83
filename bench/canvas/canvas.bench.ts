import { chain, chord, group, s, si } from '../../src/tasks/canvas/signatures.js';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import type { Client } from '../lab/client.js';
import { bodyTask, countTask, noOpTask } from '../lab/lab.tasks.js';
import { databaseNow, msOf } from '../support/clock.js';
import { p50p99 } from '../support/figures.js';
import { sampled } from '../lab/sampled.js';
import { Samples } from '../support/samples.js';
import { settled, type Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';

/** What a canvas costs beside its tasks: counting a chord down, handing a chain on. */
const rounds = sized(3, 1);
const children = sized(1_000, 50);
const steps = sized(200, 10);
const concurrency = '25';

/** From before the send to the last end, by the database's clock. @returns milliseconds */
async function timed(site: Site, send: () => Promise<unknown>): Promise<number> {
  const start = await databaseNow(site.database);
  await send();
  await settled(site);
  const [row] = await site.database.query(`SELECT ${msOf('max(finished_at)')} AS at FROM tasks`);
  return row.at - start;
}

async function sendPlain({ tasks, database }: Client): Promise<void> {
  const all = Array.from({ length: children }, (_, n) =>
    tasks.send(database.manager, noOpTask, { n }),
  );
  await Promise.all(all);
}

async function sendChord({ tasks, database }: Client): Promise<void> {
  const parts = Array.from({ length: children }, (_, n) => si(noOpTask, { n }));
  await tasks.sendCanvas(database.manager, chord(group(...parts), s(bodyTask)));
}

async function sendChain({ tasks, database }: Client): Promise<string> {
  const more = Array.from({ length: steps - 1 }, () => s(countTask, 'n', {}));
  const canvas = chain(si(countTask, { n: 0 }), chain(...more));
  return (await tasks.sendCanvas(database.manager, canvas)).id;
}

/** From the end of each step to the start of the next one, milliseconds. */
async function stepLatencies(site: Site, root: string): Promise<number[]> {
  const next = await site.database.query(
    `SELECT ${msOf('started_at')} - ${msOf('lag(finished_at) OVER (ORDER BY started_at)')} AS ms
       FROM tasks WHERE canvas_id = $1 AND kind = 'task'`,
    [root],
  );
  return next.slice(1).map((step: { ms: number }) => step.ms);
}

const measure = (engine: QueueEngineName) =>
  sampled(engine, async (site, client, samples) => {
    await site.start('bench/lab/worker.js', 'Serving', { WORKER_CONCURRENCY: concurrency });
    await timed(site, () => sendPlain(client));
    await timed(site, () => sendChord(client));
    for (let round = 0; round < rounds; round++) {
      const plain = await timed(site, () => sendPlain(client));
      const withBody = await timed(site, () => sendChord(client));
      const root = await sendChain(client);
      await settled(site);
      const [stepP50, stepP99] = p50p99(await stepLatencies(site, root));
      samples.note({ plain, withBody, ratio: withBody / plain, stepP50, stepP99 });
    }
  });

const postgres = await measure('postgres');
const redis = await measure('redis');
const row = Samples.rows(postgres, redis);
printTable({
  title: 'canvas: chord and chain beside plain tasks',
  rows: [
    row(`${children} plain tasks sent at once, until all are SUCCESS`, 'plain', 'ms'),
    row(`chord of ${children}, until its body is SUCCESS`, 'withBody', 'ms'),
    row('chord : plain tasks', 'ratio', '×'),
    row(`chain of ${steps}: from the end of a step to the start of the next, p50`, 'stepP50', 'ms'),
    row('… p99', 'stepP99', 'ms'),
  ],
  limit:
    'Chord: a task of a canvas ends in a transaction of several statements instead of one, and all its ' +
    'parts count down in the row of their group, one after the other (by the code, not profiled). Chain: one commit, one hint, one claim.',
});
