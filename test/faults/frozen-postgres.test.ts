import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { atTestEnd } from '../support/at-test-end.js';
import { about } from '../support/about.js';
import { v7 as uuidv7 } from 'uuid';
import { within } from '../../src/common/deadline.js';
import { startEmbeddedPostgres } from '../../src/infrastructure/embedded/embedded-postgres.js';
import { createSketch } from '../../src/sketch/sketch-server.js';
import { startCluster } from '../support/cluster.js';
import { eventually } from '../support/eventually.js';
import { freeze } from '../support/frozen-postgres.js';
import { assertSound } from '../support/soundness.js';

/** Ten seconds are promised, and the patience is eight; without one a request is answered after 30 s at best. */
const answerWithinMs = 20_000;

it('while Postgres is frozen every request gets a 503 in time, and afterwards nothing is lost and no retry is counted', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'darkroom-frozen-'));
  const postgres = await startEmbeddedPostgres({ dataDir, database: 'darkroom' });
  let thaw = () => {};
  atTestEnd(async () => {
    thaw();
    await postgres.stop();
    await rm(dataDir, { recursive: true, force: true });
  });
  const stores = { databaseUrl: postgres.url, queueUrl: undefined };
  // Two steps: a picture is under way for longer than its lease.
  const sketch = createSketch({ stepMs: 3_000, modelSwitchMs: 0 });
  const cluster = await startCluster(stores, sketch);
  const accepted: string[] = [];
  const post = async (n: number) => {
    const answer = await cluster.post(`picture ${n}`);
    const body = (await answer.json()) as { task_id?: string };
    if (answer.status === 202) accepted.push(body.task_id!);
    return answer.status;
  };
  expect(await post(0)).toBe(202);
  const [first] = accepted;
  await eventually('it is drawn', async () => {
    const [task] = await cluster.database.query('SELECT state FROM tasks WHERE id = $1', [first]);
    return task.state === 'STARTED';
  });

  ({ thaw } = await freeze(postgres, join(dataDir, 'cluster')));
  const gets = [
    `/api/v1/generation-status/${first}`,
    `/api/v1/task_status/${first}`,
    `/api/v1/images/${uuidv7()}`,
    '/api/v1/calculate?x=1&y=2',
    '/admin/queues',
    '/health/ready',
  ];
  const get = async (path: string) => {
    const answer = await cluster.get(path);
    await answer.arrayBuffer();
    return answer.status;
  };
  // More than the pool has connections, so the last ones do not even get one.
  for (let round = 1; round <= 2; round++) {
    const asked = [...gets.map(get), ...Array.from({ length: 4 }, (_, n) => post(10 * round + n))];
    const statuses = await within(answerWithinMs, Promise.all(asked));
    about(`round ${round}: ${statuses.join(' ')}`, () =>
      expect([...new Set(statuses)]).toEqual([503]),
    );
  }
  expect(await get('/health/live')).toBe(200);
  await cluster.worker.says('the database has not renewed the lease in time');

  thaw();
  await eventually('requests are accepted again', async () => (await post(100)) === 202);
  await cluster.settled();
  const tasks = await cluster.database.query(
    `SELECT id, state, crashes, retries FROM tasks WHERE id = ANY($1)`,
    [accepted],
  );
  expect(tasks.length).toBe(accepted.length);
  for (const task of tasks) {
    about(task.id, () =>
      expect([task.state, task.crashes, task.retries]).toEqual(['SUCCESS', 0, 0]),
    );
  }
  await assertSound(cluster);
  expect(cluster.api.isRunning() && cluster.worker.isRunning()).toBe(true);
});
