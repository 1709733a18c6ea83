import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { pause } from '../../../src/common/deadline.js';
import { inTransaction } from '../../../src/infrastructure/database/transaction.js';
import { RateLimits } from '../../../src/tasks/limits/rate-limits.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

let lab: TaskLab;
let rates: RateLimits;
beforeAll(async () => {
  lab = await openTaskLab('postgres', { serve: [] });
  rates = lab.get(RateLimits);
});
afterAll(() => lab.close());

const hour = 3_600_000;
interface Counted {
  buckets: number;
  starts: number;
  bytes: number;
}

async function rowOf(key: string): Promise<Counted> {
  const [row] = await lab.database.query(
    `SELECT cardinality(starts) AS buckets, (SELECT sum(n)::int FROM unnest(counts) AS n) AS starts,
            pg_column_size(starts) + pg_column_size(counts) AS bytes
       FROM task_rates WHERE key = $1`,
    [key],
  );
  return row;
}

/** Starts at these moments, each in a transaction of its own as in a claim. */
async function start(key: string, rate: { limit: number; perMs: number }, moments: number[]) {
  await inTransaction(lab.database, (tx) => rates.waitMs(tx, 'bucket', key, rate));
  for (const at of moments) {
    await inTransaction(lab.database, (tx) => rates.started(tx, 'bucket', key, rate, new Date(at)));
  }
}

it('a limit of 10,000 an hour stores a hundred buckets, not thousands of starts', async () => {
  const rate = { limit: 10_000, perMs: hour };
  // None leaves the window while they are written.
  const begin = Date.now() - hour + 300_000;
  const every = Array.from({ length: 2_000 }, (_, i) => begin + i * 1_650);
  await start('hourly', rate, every);
  const full = await rowOf('hourly');
  expect(full.starts).toBe(every.length);
  about(`${full.buckets} buckets`, () => expect(full.buckets).toBeLessThanOrEqual(94));
  about(`${full.bytes} bytes`, () => expect(full.bytes).toBeLessThanOrEqual(2_000));
});

it('a limit of up to a hundred counts each start by itself', async () => {
  const rate = { limit: 100, perMs: hour };
  const now = Date.now();
  // The first one has just left the window, the next leaves in a moment.
  const every = [now - hour - 1_000, now - hour + 60_000, ...Array.from({ length: 99 }, () => now)];
  await start('small', rate, every);
  const full = await rowOf('small');
  expect([full.buckets, full.starts]).toEqual([100, 100]);
  const wait = await inTransaction(lab.database, (tx) => rates.waitMs(tx, 'bucket', 'small', rate));
  about(`${wait} ms`, () => expect(wait > 0 && wait <= 60_001).toBe(true));
});

it('a high limit is never exceeded, in any window', async () => {
  const rate = { limit: 150, perMs: 1_000 };
  const starts: number[] = [];
  while (starts.length < 400) {
    const wait = await inTransaction(lab.database, async (tx) => {
      const ms = await rates.waitMs(tx, 'bucket', 'busy', rate);
      if (ms > 0) return ms;
      const [{ at }] = await tx.query('SELECT clock_timestamp() AS at');
      await rates.started(tx, 'bucket', 'busy', rate, at);
      starts.push(at.getTime());
      return 0;
    });
    await pause(wait);
  }
  for (let i = rate.limit; i < starts.length; i++) {
    const window = starts[i]! - starts[i - rate.limit]!;
    about(`start ${i} is ${window} ms after the 150th before it`, () =>
      expect(window).toBeGreaterThanOrEqual(rate.perMs),
    );
  }
});

it('starts that an older release wrote count once each', async () => {
  const rate = { limit: 3, perMs: hour };
  await lab.database.query(
    `INSERT INTO task_rates (name, key, starts, look_at)
     VALUES ('bucket', 'older', ARRAY[now() - interval '2 s', now() - interval '1 s'], now())`,
  );
  const look = () => inTransaction(lab.database, (tx) => rates.waitMs(tx, 'bucket', 'older', rate));
  expect(await look()).toBe(0);
  await start('older', rate, [Date.now()]);
  expect(await look()).toBeGreaterThan(0);
  expect((await rowOf('older')).starts).toBe(3);
});
