import { setTimeout as delay } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.js';
import type { QueueEngineName } from '../../test/support/queue-engines.js';
import { noOpTask } from '../lab/lab.tasks.js';
import { msOf } from '../support/clock.js';
import { p50p99 } from '../support/figures.js';
import { sampled } from '../lab/sampled.js';
import { Samples } from '../support/samples.js';
import { sized } from '../support/sizes.js';
import { printTable } from '../support/table.js';

/** How late the task of a tick starts while two workers compete for the ticks. */
const ticks = sized(120, 3);
const workers = sized(2, 1);

const measure = (engine: QueueEngineName) =>
  sampled(engine, async (site, client, samples) => {
    const start = () => site.start('bench/lab/worker.js', 'Serving');
    await Promise.all(Array.from({ length: workers }, start));
    await client.schedules.add({
      name: 'bench',
      task: noOpTask,
      payload: { n: 0 },
      everyMs: 1_000,
    });
    await delay(ticks * 1_000);
    await client.schedules.pause('bench');
    const late = await eventually('every tick has started', async () => {
      const runs: { ms: number | null }[] = await site.database.query(
        `SELECT ${msOf('started_at')} - ${msOf('due_at')} AS ms
           FROM schedule_runs JOIN tasks ON tasks.id = task_id ORDER BY due_at`,
      );
      return runs.every((run) => run.ms !== null) && runs.map((run) => run.ms!);
    });
    const [p50, p99] = p50p99(late);
    samples.note({ p50, p99, worst: Math.max(...late) });
  });

// At the same time: nearly all of it is waiting, and both see the same neighbours.
const [postgres, redis] = await Promise.all([measure('postgres'), measure('redis')]);
const row = Samples.rows(postgres, redis);
printTable({
  title: 'schedules: every second, two workers',
  rows: [
    row('from due to started, p50', 'p50', 'ms'),
    row('… p99', 'p99', 'ms'),
    row('… worst', 'worst', 'ms'),
  ],
  limit:
    "The tick's transaction (lock, task, next due time), the hint, the claim; before them a timer of whole milliseconds.",
});
