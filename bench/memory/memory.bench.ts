import { setTimeout as delay } from 'node:timers/promises';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import type { Saturation } from '../accept/saturate.js';
import { postPictures } from '../support/backlog.js';
import { runJson } from '../support/json-program.js';
import { sampledSite } from '../lab/sampled.js';
import { Samples } from '../support/samples.js';
import { settled, type Api } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';
import { residentMemory } from '../support/usage.js';

/** Resident memory of each kind of process, with nothing to do and at its busiest moment. */
const pictures = sized(60, 2);
const shape = { width: 1024, height: 1024, steps: 1 };
const calmMs = sized(3_000, 200);

async function idle({ pid }: { pid?: number | undefined }): Promise<number> {
  await delay(calmMs);
  return residentMemory(pid!);
}

/** The most of it while `work` runs. */
async function peak(child: { pid?: number | undefined }, work: Promise<unknown>): Promise<number> {
  let most = 0;
  const look = () => (most = Math.max(most, residentMemory(child.pid!)));
  const timer = setInterval(look, 50);
  await work.finally(() => clearInterval(timer));
  look();
  return most;
}

function load(target: Api): Promise<unknown> {
  const seconds = sized(5, 1);
  const { url, key } = target;
  const args: Saturation = { target: { url, key }, connections: 64, seconds };
  return runJson('bench/accept/saturate.js', args);
}

const measure = (engine: QueueEngineName) =>
  sampledSite(engine, async (site, samples) => {
    const sketch = await site.start('src/sketch/main.js', 'listens on');
    const env = { SD_API_URLS: /http:\/\/\S+/.exec(sketch.output())![0] };
    const api = await site.startApi();
    samples.note({ apiIdle: await idle(api.process.child) });

    const worker = await site.start('src/worker.js', 'Serving', env);
    samples.note({ workerIdle: await idle(worker.child) });
    await postPictures(api, pictures, shape);
    samples.note({ workerBusy: await peak(worker.child, settled(site)) });
    await site.end(worker);

    const standalone = await site.startHttp('src/standalone.js', env);
    samples.note({ standaloneIdle: await idle(standalone.process.child) });
    const work = postPictures(standalone, pictures, shape).then(() => settled(site));
    samples.note({ standaloneBusy: await peak(standalone.process.child, work) });
    await site.end(standalone.process);

    // Last, as it leaves a backlog.
    samples.note({ apiBusy: await peak(api.process.child, load(api)) });
  });

const postgres = await measure('postgres');
const redis = await measure('redis');
const row = Samples.rows(postgres, redis);
printTable({
  title: 'memory: resident memory of a process',
  rows: [
    row('API, idle', 'apiIdle', 'MiB'),
    row('API, at saturation', 'apiBusy', 'MiB'),
    row('worker, idle', 'workerIdle', 'MiB'),
    row('worker, pictures of 1024²', 'workerBusy', 'MiB'),
    row('standalone, idle', 'standaloneIdle', 'MiB'),
    row('standalone, pictures of 1024²', 'standaloneBusy', 'MiB'),
  ],
  limit:
    'Idle: the code of the libraries, before any data. Busy: pictures in the worker, as base64, bytes and ' +
    'pixels at once; it grows with their size and WORKER_CONCURRENCY, not with the backlog.',
});
