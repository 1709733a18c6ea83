import { runJson } from '../support/json-program.js';
import { Samples } from '../support/samples.js';
import { dispatched, engines, openSite, type Site } from '../support/site.js';
import { sized, smoke } from '../support/sizes.js';
import { printTable } from '../support/table.js';
import { watchUsage } from '../support/usage.js';
import type { Pace, Paced } from './pace.js';
import type { Target } from './request.js';
import type { Saturated, Saturation } from './saturate.js';

/** How fast a request becomes a durable task. Workers are off: tasks stay where they are. */
const rounds = sized(3, 1);
const connections = 64;
const perSecond = sized(200, 20);

interface Subject {
  site: Site;
  target: Target;
  pid: number;
  samples: Samples;
}

async function floor(site: Site): Promise<Subject> {
  const process = await site.start('bench/accept/floor-server.js', 'Listening');
  const [url] = /http:\S+/.exec(process.output())!;
  return { site, target: { url, key: 'none' }, pid: process.child.pid!, samples: new Samples() };
}

async function darkroom(site: Site): Promise<Subject> {
  const { url, key, process } = await site.startApi({ RECONCILE_SECONDS: '3600' });
  return { site, target: { url, key }, pid: process.child.pid!, samples: new Samples() };
}

async function saturate({ site, target, pid, samples }: Subject, seconds: number): Promise<void> {
  const usage = watchUsage(pid);
  const args: Saturation = { target, connections, seconds };
  const { perSecond, p50, p99 } = await runJson<Saturated>('bench/accept/saturate.js', args);
  const { cpuMs, idle } = usage();
  const cpu = cpuMs / (perSecond * seconds);
  samples.note({ perSecond, p50, p99, cpu, idle, lag: (await dispatched(site)) / 1000 });
}

async function pace({ site, target, samples }: Subject): Promise<void> {
  const args: Pace = { target, perSecond, seconds: sized(10, 1) };
  const { p50, p99 } = await runJson<Paced>('bench/accept/pace.js', args);
  samples.note({ pacedP50: p50, pacedP99: p99 });
  await dispatched(site);
}

const sites = await Promise.all(engines.map(openSite));
try {
  const [postgres, redis] = sites as [Site, Site];
  const subjects = [await floor(redis), await darkroom(postgres), await darkroom(redis)] as const;
  for (const subject of subjects) {
    if (smoke) break;
    await saturate(subject, 3);
    subject.samples = new Samples();
  }
  for (let round = 0; round < rounds; round++) {
    for (const subject of subjects) await saturate(subject, sized(5, 1));
    for (const subject of subjects) await pace(subject);
  }
  const [baseline, ...both] = subjects.map((subject) => subject.samples);
  const row = Samples.rows(both[0]!, both[1]!, baseline);
  printTable({
    title: 'accept: POST /api/v1/generate-image/ until the 202 of a durable task',
    baseline: 'plain INSERT',
    rows: [
      row(`accepted, ${connections} connections`, 'perSecond', '/s', '≥ 1000'),
      row('p50 at saturation', 'p50', 'ms'),
      row('p99 at saturation', 'p99', 'ms'),
      row(`p50 at ${perSecond}/s`, 'pacedP50', 'ms'),
      row(`p99 at ${perSecond}/s`, 'pacedP99', 'ms', '≤ 50'),
      row('all in the queue, after the load', 'lag', 's'),
      row('CPU of the API for each', 'cpu', 'ms'),
      row('idle cores at saturation', 'idle', '%'),
    ],
    limit:
      'CPU. The API needs 0.3–0.4 ms of one core a request, spread over HTTP, headers, routing and ' +
      'validation; Postgres 0.1 ms, and the load generator has the rest. Without fsync it accepts a quarter more.',
  });
} finally {
  for (const site of sites) await site.close();
}
