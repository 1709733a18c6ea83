import { setTimeout as delay } from 'node:timers/promises';
import { endProcess, startProcess } from '../../test/support/processes.js';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import type { Client } from '../lab/client.js';
import { sampled } from '../lab/sampled.js';
import { Samples } from '../support/samples.js';
import type { Api, Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';
import { residentMemory } from '../support/usage.js';

/** How late listeners of one API process are told, and what they cost there. */
const listeners = sized(5_000, 20);
/** Each of them concerns one listener. */
const events = sized(2_000, 10);
const perSecond = 100;
/** Each of them concerns all listeners. */
const broadcasts = sized(20, 2);
/** Each costs some queries when it begins. Milliseconds. */
const openMs = 300_000;
const taskPrefix = '00000000-0000-7000-8000-';

export interface ListenerOptions {
  url: string;
  key: string;
  /** `{n}` stands for the last digits of the n-th task's id. */
  paths: string;
  count: number;
}

interface Told {
  p50: number;
  p99: number;
  count: number;
}

/** Tasks of the admin that are due in a day: nothing happens to them but what is measured. */
async function addTasks({ database }: Site): Promise<void> {
  await database.query(
    `INSERT INTO tasks (id, name, queue, priority, payload, run_at, queue_check_at, owner_id, followed)
     SELECT ($2 || lpad(to_hex(n), 12, '0'))::uuid, 'bench_no_op_task', 'normal_priority', 5, '{"n": 0}',
            now() + interval '1 day', now() + interval '1 day',
            (SELECT id FROM users WHERE role = 'admin' LIMIT 1), true
       FROM generate_series(0, $1 - 1) n`,
    [listeners, taskPrefix],
  );
}

/** While `act` happens. */
async function told({ url, key }: Api, paths: string, act: () => Promise<void>) {
  const options: ListenerOptions = { url, key, paths, count: listeners };
  const env = { BENCH_LISTENERS: JSON.stringify(options) };
  const process = startProcess('bench/live/listeners.js', [], env);
  try {
    await process.says('all listen', openMs);
    await act();
    await delay(2_000);
    process.kill('SIGTERM');
    await process.ended();
  } finally {
    await endProcess(process);
  }
  return JSON.parse(/told: (.*)/.exec(process.output())![1]!) as Told;
}

/** Revokes tasks at an even pace. */
async function revoke({ tasks }: Client, from: number, count: number, rate: number): Promise<void> {
  const begun: Promise<unknown>[] = [];
  for (let n = from; n < from + count; n++) {
    begun.push(tasks.revoke(taskPrefix + n.toString(16).padStart(12, '0')));
    await delay(1_000 / rate);
  }
  await Promise.all(begun);
}

const measure = (engine: QueueEngineName) =>
  sampled(engine, async (site, client, samples) => {
    const limits = { LIVE_STREAMS: '9000', LIVE_STREAMS_PER_USER: '9000' };
    const api = await site.startApi(limits);
    await addTasks(site);
    const before = residentMemory(api.process.child.pid!);
    const one = await told(api, `/api/v1/tasks/${taskPrefix}{n}/events`, async () => {
      const each = (residentMemory(api.process.child.pid!) - before) / listeners;
      samples.note({ kilobytes: each * 1024 });
      await revoke(client, 0, events, perSecond);
    });
    const all = await told(api, '/api/v1/tasks/stream', () =>
      revoke(client, events, broadcasts, 1),
    );
    samples.note({ p50: one.p50, p99: one.p99, allP50: all.p50, allP99: all.p99 });
    if (one.count < events || all.count < broadcasts * listeners) {
      throw new Error(`Missing events: ${JSON.stringify({ one, all })}`);
    }
  });

const postgres = await measure('postgres');
const redis = await measure('redis');
const row = Samples.rows(postgres, redis);
printTable({
  title: `live: ${listeners} event streams of one API process`,
  rows: [
    row(`an event for one of them, ${perSecond}/s: p50`, 'p50', 'ms'),
    row('… p99', 'p99', 'ms', '≤ 250'),
    row('an event for all of them: p50', 'allP50', 'ms'),
    row('… p99', 'allP99', 'ms', '≤ 250'),
    row('memory of a stream', 'kilobytes', 'KiB', '≤ 20'),
  ],
  limit:
    'The transaction, a message, up to 50 ms of gathering, one read of the history, and a write for each listener.',
});
