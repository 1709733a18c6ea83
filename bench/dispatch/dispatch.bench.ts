import type { QueueEngineName } from '../../test/support/queue-engines.js';
import { postPictures } from '../support/backlog.js';
import { p50p99 } from '../support/figures.js';
import { sampledSite } from '../lab/sampled.js';
import { Samples } from '../support/samples.js';
import { settled, type Api, type Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';
import { engineGaps } from './engine-gaps.js';

/** How long an engine with a backlog waits for us between two pictures. */
const wireCount = sized(110, 5);
const cardCount = sized(45, 5);
/** Left out: compiling, first connections. */
const warmUp = sized(10, 2);
/** 0.4 s on the stand-in, a fifth of what a picture takes a quick card. */
const shape = { width: 512, height: 512, steps: 10 };

/** One worker process works off a backlog. */
async function workOff(
  site: Site,
  api: Api,
  count: number,
  env: Record<string, string>,
): Promise<void> {
  await postPictures(api, count, shape);
  const worker = await site.start('src/worker.js', 'Serving', env);
  await settled(site);
  await site.end(worker);
}

/** On the wire of an engine that takes one request at a time. */
async function wireGaps(site: Site, api: Api, url: string, concurrency: string): Promise<number[]> {
  await workOff(site, api, wireCount, {
    SD_API_URLS: url,
    SD_REQUESTS_IN_FLIGHT: '1',
    WORKER_CONCURRENCY: concurrency,
  });
  const gaps = (await (await fetch(`${url}/gaps`)).json()) as number[];
  return gaps.slice(warmUp);
}

const measure = (engine: QueueEngineName) =>
  sampledSite(engine, async (site, samples) => {
    const api = await site.startApi();
    const stub = urlIn(await site.start('bench/dispatch/engine-stub.js', 'Listening'));
    const [pairP50, pairP99] = p50p99(await wireGaps(site, api, stub, '2'));
    const [aloneP50, aloneP99] = p50p99(await wireGaps(site, api, stub, '1'));
    samples.note({ pairP50, pairP99, aloneP50, aloneP99 });
    const standIn = urlIn(await site.start('src/sketch/main.js', 'listens on'));
    await workOff(site, api, cardCount, { SD_API_URLS: standIn });
    const { gaps, idleShare } = await engineGaps(standIn, warmUp);
    const [idleP50, idleP99] = p50p99(gaps);
    samples.note({ idleP50, idleP99, idleShare });
  });

function urlIn(process: { output: () => string }): string {
  return /http:\/\/\S+/.exec(process.output())![0];
}

const postgres = await measure('postgres');
const redis = await measure('redis');
const row = Samples.rows(postgres, redis);
printTable({
  title: 'dispatch: how long an engine with a backlog waits for the next picture',
  rows: [
    row('1 request in flight, 2 tasks at once: gap on the wire, p50', 'pairP50', 'ms'),
    row('… p99', 'pairP99', 'ms', '≤ 20'),
    row('1 request in flight, 1 task at once: gap on the wire, p50', 'aloneP50', 'ms'),
    row('… p99', 'aloneP99', 'ms'),
    row('2 requests in flight (default): card free, p50', 'idleP50', 'ms'),
    row('… p99', 'idleP99', 'ms', '≤ 20'),
    row('… share of the time', 'idleShare', '%'),
  ],
  limit:
    '1 in flight: one event loop, on which the previous picture is stored; with one task at a time also decoding, ' +
    'its transaction and the next claim. 2 in flight: nothing of ours, the next request waits at the card.',
});
