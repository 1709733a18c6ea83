import { expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { Client } from 'pg';
import { createQueueEngine } from '../../../src/infrastructure/queue/create-queue-engine.js';
import { openStores } from '../../support/queue-engines.js';

it('a queue in Postgres looks for stalled hints without reading the waiting ones', async () => {
  const stores = await openStores('postgres');
  const client = new Client({ connectionString: stores.databaseUrl });
  await client.connect();
  atTestEnd(async () => {
    await client.end();
    await stores.close();
  });
  // As an installation of an earlier release, whose processes start at once.
  await client.query('DROP INDEX bullmq.darkroom_job_stalled_marked');
  const engines = [1, 2, 3].map(() => createQueueEngine(stores.databaseUrl));
  await Promise.all(engines.map((engine) => engine.prepare()));
  await Promise.all(engines.map((engine) => engine.close()));

  await client.query(
    `INSERT INTO bullmq.job (queue, id, seq, name, data, opts, state, added_at_ms)
     SELECT 'q', n::text, n, 'x', '{}', '{}', 'waiting', 0 FROM generate_series(1, 20000) AS n`,
  );
  await client.query('ANALYZE bullmq.job');
  const { rows } = await client.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN UPDATE bullmq.job SET stalled_marked = false WHERE queue = 'q' AND stalled_marked`,
  );
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toMatch(/Index Scan using darkroom_job_stalled_marked/);
});
