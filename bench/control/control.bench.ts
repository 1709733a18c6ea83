import { eventually } from '../../test/support/eventually.js';
import type { TestProcess } from '../../test/support/processes.js';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import type { Client } from '../lab/client.js';
import { endlessTask, stoppedLine } from '../lab/lab.tasks.js';
import { msOf } from '../support/clock.js';
import { p50p99 } from '../support/figures.js';
import { sampled } from '../lab/sampled.js';
import { Samples } from '../support/samples.js';
import type { Site } from '../support/site.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';

/** How long a message to the workers takes. */
const rounds = sized(3, 1);
const revokes = sized(100, 3);
const pings = sized(200, 5);
const workers = sized(3, 1);

/** Milliseconds from the call of `revoke` until its task's signal fires, and until it is REVOKED. */
async function revoke({ database }: Site, client: Client, worker: TestProcess) {
  const task = await client.tasks.send(database.manager, endlessTask, {});
  await eventually('it runs', async () => (await task.status()) === 'STARTED');
  const start = Date.now();
  await task.revoke();
  const line = new RegExp(stoppedLine(task.id, String.raw`(\d+)\n`));
  await worker.says(line);
  const stopped = Number(line.exec(worker.output())![1]);
  await eventually('it is revoked', async () => (await task.status()) === 'REVOKED');
  const [{ end }] = await database.query(
    `SELECT ${msOf('finished_at')} AS end FROM tasks WHERE id = $1`,
    [task.id],
  );
  return { signal: stopped - start, ledger: end - start };
}

async function ping(client: Client): Promise<number> {
  const start = performance.now();
  const { replies } = await client.workers.inspect.ping();
  const took = performance.now() - start;
  if (replies.length !== workers) throw new Error(`${replies.length} of ${workers} answered`);
  return took;
}

const measure = (engine: QueueEngineName) =>
  sampled(engine, async (site, client, samples) => {
    const worker = await site.start('bench/lab/worker.js', 'Serving');
    for (let n = 0; n < 5; n++) await revoke(site, client, worker);
    for (let round = 0; round < rounds; round++) {
      const taken: { signal: number; ledger: number }[] = [];
      for (let n = 0; n < revokes; n++) taken.push(await revoke(site, client, worker));
      const [signalP50, signalP99] = p50p99(taken.map(({ signal }) => signal));
      const [ledgerP50, ledgerP99] = p50p99(taken.map(({ ledger }) => ledger));
      samples.note({ signalP50, signalP99, ledgerP50, ledgerP99 });
    }
    for (let n = 1; n < workers; n++) await site.start('bench/lab/worker.js', 'Serving');
    await eventually(
      'all workers are there',
      async () => (await client.workers.workers()).length === workers,
    );
    for (let round = 0; round < rounds; round++) {
      const taken: number[] = [];
      for (let n = 0; n < pings; n++) taken.push(await ping(client));
      const [pingP50, pingP99] = p50p99(taken);
      samples.note({ pingP50, pingP99 });
    }
  });

const postgres = await measure('postgres');
const redis = await measure('redis');
const row = Samples.rows(postgres, redis);
printTable({
  title: 'control: a word to the workers',
  rows: [
    row("revoke of a running task until its handler's signal, p50", 'signalP50', 'ms'),
    row('… p99', 'signalP99', 'ms'),
    row('… until REVOKED in the ledger, p50', 'ledgerP50', 'ms'),
    row('… p99', 'ledgerP99', 'ms'),
    row('inspect ping, 3 workers, until the last answer, p50', 'pingP50', 'ms'),
    row('… p99', 'pingP99', 'ms'),
  ],
  limit:
    'revoke: its transaction, then one message; to REVOKED one transaction more. ping: two messages, one after the other.',
});
