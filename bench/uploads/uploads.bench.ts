import { setTimeout as delay } from 'node:timers/promises';
import { S3ObjectStorage } from '../../src/features/storage/s3-object-storage.js';
import { eventually } from '../../test/support/eventually.js';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import { startS3, type TestS3 } from '../../test/support/s3-server.js';
import { sampledSite } from '../lab/sampled.js';
import { postPictures } from '../support/backlog.js';
import { p50p99, perSecond } from '../support/figures.js';
import { Samples } from '../support/samples.js';
import { dispatched, settled, type Api, type Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';
import { residentMemory } from '../support/usage.js';
import { largePicture, openSpool } from './spool-picture.js';

/** Pictures of some 8 MB, as many at once as WORKER_CONCURRENCY says. */
const side = sized(1_700, 64);
const atOnce = sized(4, 2);
const count = sized(24, 4);
const calmCount = sized(12, 2);
const generations = sized(30, 4);
/** How long the storage is away, and the pause between two lots of generations meanwhile. Milliseconds. */
const outageMs = sized(300_000, 0);
const pauseMs = sized(15_000, 0);
const bytes = await largePicture(side);

const s3Env = ({ options }: TestS3) => ({
  S3_ENDPOINT: options.endpoint!,
  S3_REGION: options.region,
  S3_BUCKET: options.bucket,
  S3_ACCESS_KEY_ID: options.credentials!.accessKeyId,
  S3_SECRET_ACCESS_KEY: options.credentials!.secretAccessKey,
});

/** The same objects by the same client, without tasks, rows and thumbnails. @returns pictures a second */
async function bareRate(s3: TestS3): Promise<number> {
  const storage = new S3ObjectStorage(s3.options);
  let left = count;
  const start = performance.now();
  const lane = async () => {
    while (left-- > 0) await storage.put(`bare/${left}.png`, bytes, 'image/png');
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  storage.onApplicationShutdown();
  return perSecond(count, performance.now() - start);
}

/** One worker process empties the spool, which was filled before. */
async function volume(site: Site, s3: TestS3, samples: Samples): Promise<void> {
  const spool = await openSpool(site);
  for (let n = 0; n < count; n++) await spool.add(bytes, side);
  await dispatched(site);
  const worker = await site.start('src/worker.js', 'Serving', {
    ...s3Env(s3),
    WORKER_CONCURRENCY: String(atOnce),
  });
  const start = performance.now();
  const pid = worker.child.pid!;
  const idle = residentMemory(pid);
  let peak = idle;
  const watch = setInterval(() => (peak = Math.max(peak, residentMemory(pid))), 20);
  await settled(site);
  const rate = perSecond(count, performance.now() - start);
  clearInterval(watch);
  const bare = await bareRate(s3);
  samples.note({ rate, share: rate / bare, peak, each: (peak - idle) / atOnce });
  const [{ now: calm }] = await site.database.query('SELECT now()');
  for (let n = 0; n < calmCount; n++) await Promise.all([spool.add(bytes, side), delay(500)]);
  await settled(site);
  const [p50, p99] = p50p99(await stored(site, calm as Date));
  samples.note({ p50, p99 });
  await spool.close();
  await site.end(worker);
}

/** From SUCCESS to stored, by the database's clock. Milliseconds. */
async function stored({ database }: Site, since: Date): Promise<number[]> {
  const rows = await database.query<{ ms: number }[]>(
    `SELECT extract(epoch FROM stored_at - created_at)::float8 * 1000 AS ms
       FROM generated_images WHERE created_at >= $1`,
    [since],
  );
  return rows.map(({ ms }) => ms);
}

/** @returns generations a second from the first request to the last SUCCESS, and milliseconds to accept one */
async function generating(site: Site, api: Api) {
  const start = performance.now();
  await postPictures(api, generations, { width: 512, height: 512, steps: 1 });
  const accepted = (performance.now() - start) / generations;
  await eventually('all are over', async () => {
    const open = await site.database.query(
      `SELECT FROM tasks WHERE name = 'generate_image_task' AND finished_at IS NULL LIMIT 1`,
    );
    return open.length === 0;
  });
  return { rate: perSecond(generations, performance.now() - start), accepted };
}

/** What an outage of the storage costs the rest, and how long what waited takes then. */
async function outage(site: Site, s3: TestS3, samples: Samples): Promise<void> {
  const api = await site.startApi(s3Env(s3));
  const stub = await site.start('bench/dispatch/engine-stub.js', 'Listening');
  const [url] = /http:\/\/\S+/.exec(stub.output())!;
  await site.start('src/worker.js', 'Serving', { ...s3Env(s3), SD_API_URLS: url });
  await generating(site, api);
  await settled(site);
  const before = await generating(site, api);
  await settled(site);
  await s3.stop();
  // The first uploads notice it.
  await generating(site, api);
  const awayAt = performance.now();
  do {
    const during = await generating(site, api);
    samples.note({
      drawn: during.rate / before.rate,
      accepted: during.accepted / before.accepted,
    });
    await delay(pauseMs);
  } while (performance.now() - awayAt < outageMs);
  const [{ waiting }] = await site.database.query(
    'SELECT count(*)::int AS waiting FROM image_spool',
  );
  const start = performance.now();
  await s3.start();
  await settled(site);
  samples.note({ waiting, drained: (performance.now() - start) / 1000 });
}

const measure = async (engine: QueueEngineName): Promise<Samples> => {
  const s3 = await startS3();
  try {
    const samples = await sampledSite(engine, (site, noted) => volume(site, s3, noted));
    const others = await sampledSite(engine, (site, noted) => outage(site, s3, noted));
    for (const name of ['drawn', 'accepted', 'waiting', 'drained']) {
      samples.note({ [name]: others.median(name) });
    }
    return samples;
  } finally {
    await s3.close();
  }
};

const postgres = await measure('postgres');
const redis = await measure('redis');
const row = Samples.rows(postgres, redis);
const size = (bytes.length / 1e6).toFixed(1);
printTable({
  title: `uploads: from the spool to an S3 server, pictures of ${size} MB, ${atOnce} at once`,
  rows: [
    row('pictures, one worker process', 'rate', '/s'),
    row('… : the same PUTs without tasks, rows and thumbnails', 'share', '×'),
    row('from SUCCESS to stored at 2/s, p50', 'p50', 'ms'),
    row('… p99', 'p99', 'ms'),
    row('memory of the worker, most', 'peak', 'MiB'),
    row('… above idle, for each at once', 'each', 'MiB'),
    row(`storage away for ${outageMs / 1000} s: generations, during : before`, 'drawn', '×', '1'),
    row('… time to accept one, during : before', 'accepted', '×', '1'),
    row('… in the spool at its end', 'waiting', 'pictures'),
    row('… back: until those are stored', 'drained', 's'),
  ],
  limit:
    'Not profiled yet. A drain begins with the next probe, ten seconds after the last at most.',
});
