import { setTimeout as delay } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { EventStore } from '../../src/features/pipelines/event-store.js';
import type { Pipeline } from '../../src/features/pipelines/pipeline-definition.js';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import type { Client } from '../lab/client.js';
import { sampled } from '../lab/sampled.js';
import { p50p99, perSecond } from '../support/figures.js';
import { Samples } from '../support/samples.js';
import { settled, type Api, type Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';
import { watchUsage } from '../support/usage.js';
import { lines } from './line.pipelines.js';

/** Events from `POST /events` to the end of their pipelines. */
const rounds = sized(3, 1);
const count = sized(1_000, 20);
/** Events that wait already. */
const backlog = sized(100_000, 100);
const concurrency = '10';
const inFlight = 50;
const calmPerSecond = 20;
const inTransaction = 100;

function eventOf({ name, event }: Pipeline) {
  const of = { ownerId: null, sourceId: null, producerId: null, correlationId: null };
  return { id: uuidv7(), runId: uuidv7(), type: event.type, pipeline: name, data: { n: 0 }, ...of };
}

async function store({ database, tasks }: Client, pipeline: Pipeline, events: number) {
  const all = new EventStore(tasks);
  for (let stored = 0; stored < events; stored += inTransaction) {
    const some = Array.from({ length: Math.min(inTransaction, events - stored) }, () =>
      eventOf(pipeline),
    );
    await database.transaction((tx) => all.add(tx, some));
  }
}

/** Posts `count` requests, some of them at once. @returns requests a second */
async function posted(send: (n: number) => Promise<Response>): Promise<number> {
  let next = 0;
  const start = performance.now();
  const lane = async () => {
    for (let n = next++; n < count; n = next++) {
      const answer = await send(n);
      await answer.arrayBuffer();
      if (!answer.ok) throw new Error(`${answer.url}: ${answer.status}`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return perSecond(count, performance.now() - start);
}

/** `POST /events` beside a request that sends a plain task. */
async function accept({ url, key }: Api, samples: Samples): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const body = JSON.stringify({
    type: 'generation_feedback',
    data: { task_id: uuidv7(), rating: 5 },
  });
  const plain = await posted((n) => fetch(`${url}/api/v1/calculate?x=${n}&y=1`, { headers }));
  const events = await posted(() => fetch(`${url}/events`, { method: 'POST', headers, body }));
  samples.note({ accepted: events, acceptRatio: events / plain });
}

/** Stored while the worker waits for them, and worked off. @returns milliseconds an event */
async function processed(site: Site, client: Client, pipeline: Pipeline): Promise<number> {
  const start = performance.now();
  await store(client, pipeline, count);
  await settled(site);
  return (performance.now() - start) / count;
}

/** From the event to the end of its run by the database's clock, while there is little to do. */
async function calm(site: Site, client: Client, samples: Samples): Promise<void> {
  const [{ now }] = await site.database.query('SELECT now()');
  for (let n = 0; n < sized(200, 10); n++) {
    await Promise.all([store(client, lines.short, 1), delay(1000 / calmPerSecond)]);
  }
  await settled(site);
  const ended = await site.database.query(
    `SELECT extract(epoch FROM finished_at - created_at)::float8 * 1000 AS ms
       FROM events WHERE created_at >= $1`,
    [now],
  );
  const [p50, p99] = p50p99(ended.map((event: { ms: number }) => event.ms));
  samples.note({ p50, p99 });
}

/** How many are processed in a few seconds while very many wait. @returns milliseconds an event */
async function behindBacklog(site: Site, client: Client): Promise<number> {
  await store(client, lines.short, backlog);
  const ended = async () => {
    const sql = `SELECT count(*)::int AS n FROM events WHERE status <> 'ACCEPTED'`;
    return (await site.database.query(sql))[0].n as number;
  };
  const [before, start] = [await ended(), performance.now()];
  await delay(sized(10_000, 500));
  const [after, end] = [await ended(), performance.now()];
  return (end - start) / Math.max(1, after - before);
}

const measure = (engine: QueueEngineName) =>
  sampled(engine, async (site, client, samples) => {
    const api = await site.startApi();
    await accept(api, new Samples());
    for (let round = 0; round < rounds; round++) await accept(api, samples);
    await site.end(api.process);
    await site.database.query(`DELETE FROM tasks`);
    await site.database.query(`DELETE FROM events`);
    const env = { WORKER_CONCURRENCY: concurrency };
    const worker = await site.start('bench/pipelines/worker.js', 'Serving', env);
    await processed(site, client, lines.short);
    for (let round = 0; round < rounds; round++) {
      const usage = watchUsage(worker.child.pid!);
      const short = await processed(site, client, lines.short);
      const { cpuMs } = usage();
      const long = await processed(site, client, lines.long);
      const extra = (long - short) / 10;
      samples.note({ rate: 1_000 / short, cpu: cpuMs / count, extra, share: extra / short });
      await calm(site, client, samples);
    }
    const [{ bad }] = await site.database.query(
      `SELECT count(*)::int AS bad FROM events WHERE status <> 'PROCESSED'`,
    );
    if (bad > 0) throw new Error(`${bad} events were not processed`);
    const usual = await processed(site, client, lines.short);
    samples.note({ behind: usual / (await behindBacklog(site, client)) });
  });

const [postgres, redis] = [await measure('postgres'), await measure('redis')];
const row = Samples.rows(postgres, redis);
printTable({
  title: 'pipelines: from the event to the end of its run',
  rows: [
    row(`POST /events, ${inFlight} in flight`, 'accepted', '/s'),
    row('that : a request that sends a plain task', 'acceptRatio', '×'),
    row(`processed by one worker, ${concurrency} at once, two nodes and the index`, 'rate', '/s'),
    row('CPU of the worker for each', 'cpu', 'ms'),
    row('one node more', 'extra', 'ms'),
    row('one node more : the whole event', 'share', '×'),
    row(`event to the end of its run at ${calmPerSecond}/s, p50`, 'p50', 'ms'),
    row('… p99', 'p99', 'ms'),
    row(`processed with ${backlog} events waiting : with none`, 'behind', '×'),
  ],
  limit:
    'An event is three rows (itself, its run, its task), and one for each node. A node is one statement, so the ' +
    'round trips to Postgres and its commits are the limit, and nodes that do not need each other share the wait.',
});
