import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { v7 as uuidv7 } from 'uuid';
import {
  MaintenanceService,
  OLD_ROWS,
} from '../../../src/features/maintenance/maintenance.service.js';
import {
  deleteOldDataTask,
  sweepExpiredResultsTask,
} from '../../../src/features/maintenance/maintenance.tasks.js';
import type { OldRows } from '../../../src/features/maintenance/old-rows.js';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { TaskClient } from '../../../src/tasks/sending/task-client.js';
import { eventually } from '../../support/eventually.js';
import { startDarkroom, type TestDarkroom } from '../../support/darkroom.js';

const owner = uuidv7();
/** Beyond any signal. */
const endless = new AbortController().signal;

let darkroom: TestDarkroom;
let schedules: Schedules;
beforeAll(async () => {
  darkroom = await startDarkroom('postgres', {
    settings: {
      scheduleTimeZone: 'Europe/Berlin',
      taskRetentionDays: 30,
      generationRetentionDays: 365,
      idempotencyRetentionDays: 7,
    },
  });
  schedules = darkroom.app.get(Schedules);
  await eventually('the schedules are there', async () => (await schedules.list()).length === 7);
  // They run when a test says so.
  for (const { name } of await schedules.list()) await schedules.pause(name);
});
afterAll(() => darkroom.close());

interface Row {
  id?: string;
  name?: string;
  state?: string;
  /** SQL interval since its end. */
  ended?: string;
  canvas?: string;
}

async function task({ id = uuidv7(), name = 'old', state = 'SUCCESS', ended, canvas }: Row) {
  await darkroom.database.query(
    `INSERT INTO tasks (id, name, queue, priority, payload, state, finished_at, canvas_id, run_at)
     VALUES ($1, $2, 'low_priority', 5, '{}', $3, now() - $4::interval, $5, now() + interval '1 day')`,
    [id, name, state, ended ?? null, canvas ?? null],
  );
  return id;
}

async function expiring(count: number, expiresIn: string): Promise<void> {
  await darkroom.database.query(
    `INSERT INTO tasks (id, name, queue, priority, payload, state, finished_at, result, result_expires_at)
     SELECT gen_random_uuid(), 'expiring', 'low_priority', 5, '{}', 'SUCCESS', now(), '"kept"',
            now() + $2::interval FROM generate_series(1, $1)`,
    [count, expiresIn],
  );
}

const left = async (ids: string[]) => {
  const rows = await darkroom.database.query('SELECT id FROM tasks WHERE id = ANY($1)', [ids]);
  const found = new Set(rows.map((row: { id: string }) => row.id));
  return ids.map((id) => found.has(id));
};

async function deleteOldData(): Promise<Record<string, number> | null> {
  const id = await schedules.runNow('delete_old_data');
  return darkroom.app.get(TaskClient).result(id, deleteOldDataTask).get({ timeoutMs: 300_000 });
}

it('both schedules are declared: every minute, and daily in the configured time zone', async () => {
  const sweep = await schedules.find('sweep_expired_results');
  expect([sweep.task, sweep.everyMs]).toEqual(['sweep_expired_results_task', 60_000]);
  const daily = await schedules.find('delete_old_data');
  expect([daily.task, daily.cron, daily.timeZone]).toEqual([
    'delete_old_data_task',
    '30 3 * * *',
    'Europe/Berlin',
  ]);
});

it('expired results are dropped, a thousand at a time, and no others', async () => {
  await expiring(2_500, '-1 s');
  await expiring(3, '1 hour');
  const keptForGood = await task({ ended: '1 hour' });
  await darkroom.database.query(`UPDATE tasks SET result = '1' WHERE id = $1`, [keptForGood]);
  const id = await schedules.runNow('sweep_expired_results');
  const result = darkroom.app.get(TaskClient).result(id, sweepExpiredResultsTask);
  expect(await result.get({ timeoutMs: 300_000 })).toBe(2_500);
  const counts = await darkroom.database.query(
    `SELECT forgotten, result IS NULL AS dropped, count(*)::int AS n FROM tasks
      WHERE name = 'expiring' OR id = $1 GROUP BY 1, 2 ORDER BY 1`,
    [keptForGood],
  );
  expect(counts).toEqual([
    { forgotten: false, dropped: false, n: 4 },
    { forgotten: true, dropped: true, n: 2_500 },
  ]);
});

it('results of a canvas are kept until its callbacks are over', async () => {
  const { database } = darkroom;
  const canvas = await task({ ended: '2 hours' });
  const open = await task({ canvas, state: 'PENDING' });
  const part = await task({ canvas, ended: '1 hour' });
  await database.query(
    `UPDATE tasks SET result = '1', result_expires_at = now(), position = 0, parent_id = $2
      WHERE id = $1`,
    [part, open],
  );
  const service = darkroom.app.get(MaintenanceService);
  const forgotten = async () =>
    (await database.query('SELECT forgotten FROM tasks WHERE id = $1', [part]))[0].forgotten;
  await service.dropExpiredResults(endless);
  expect(await forgotten()).toBe(false);
  await database.query(`UPDATE tasks SET state = 'SUCCESS', finished_at = now() WHERE id = $1`, [
    open,
  ]);
  await service.dropExpiredResults(endless);
  expect(await forgotten()).toBe(true);
});

it('two sweeps at once share the work', async () => {
  await expiring(3_000, '-1 s');
  const service = darkroom.app.get(MaintenanceService);
  const [one, other] = await Promise.all([
    service.dropExpiredResults(endless),
    service.dropExpiredResults(endless),
  ]);
  expect(one + other).toBe(3_000);
});

it('a sweep stops at its signal, and keeps what it has done', async () => {
  await expiring(1_500, '-1 s');
  const service = darkroom.app.get(MaintenanceService);
  let looks = 0;
  const afterOneBatch = {
    get aborted() {
      return ++looks > 1;
    },
  } as AbortSignal;
  expect(await service.dropExpiredResults(afterOneBatch)).toBe(1_000);
  expect(await service.dropExpiredResults(AbortSignal.abort())).toBe(0);
  expect(await service.dropExpiredResults(endless)).toBe(500);
});

it('finished tasks are deleted after their retention; open and newer ones stay', async () => {
  const ids = [
    await task({ ended: '31 days' }),
    await task({ ended: '31 days', state: 'FAILURE' }),
    await task({ ended: '31 days', state: 'REVOKED' }),
    await task({ ended: '29 days' }),
    await task({ state: 'PENDING' }),
  ];
  expect((await deleteOldData())?.['tasks']).toBe(3);
  expect(await left(ids)).toEqual([false, false, false, true, true]);
});

it('a canvas is deleted as a whole, when its root has been over for that long', async () => {
  const [open, fresh, over] = [uuidv7(), uuidv7(), uuidv7()];
  const ids = [
    await task({ id: open, canvas: open, state: 'PENDING' }),
    await task({ canvas: open, ended: '31 days' }),
    await task({ id: fresh, canvas: fresh, ended: '1 day' }),
    await task({ canvas: fresh, ended: '31 days' }),
    await task({ id: over, canvas: over, ended: '31 days' }),
    await task({ canvas: over, ended: '32 days' }),
    await task({ canvas: uuidv7(), ended: '31 days' }),
  ];
  await deleteOldData();
  expect(await left(ids)).toEqual([true, true, true, true, false, false, false]);
});

it('generations have a retention of their own, and their images stay', async () => {
  const name = 'generate_image_task';
  const ids = [
    await task({ name, ended: '364 days' }),
    await task({ name, ended: '366 days' }),
    await task({ name, state: 'PENDING' }),
  ];
  await darkroom.database.query(
    `INSERT INTO generated_images (id, task_id, owner_id, index, width, height, content_type, bytes, sha256, seed)
     VALUES ($1, $2, $3, 0, 64, 64, 'image/png', 1, '\\x00', 1)`,
    [uuidv7(), ids[1], owner],
  );
  const deleted = await deleteOldData();
  expect(deleted?.['generations']).toBe(1);
  expect(await left(ids)).toEqual([true, false, true]);
  const images = await darkroom.database.query('SELECT FROM generated_images WHERE owner_id = $1', [
    owner,
  ]);
  expect(images.length).toBe(1);
});

it('expired sessions, logins and links, old keys and the history of schedules are deleted', async () => {
  const { database } = darkroom;
  const open = await task({ name: 'generate_image_task', state: 'PENDING' });
  const over = await task({ name: 'generate_image_task', ended: '6 days' });
  await database.query(`INSERT INTO users (id, name, role) VALUES ($1, 'someone', 'user')`, [
    owner,
  ]);
  await database.query(
    `INSERT INTO sessions (digest, user_id, expires_at)
     VALUES ('\\x01', $1, now() - interval '1 s'), ('\\x02', $1, now() + interval '1 hour')`,
    [owner],
  );
  await database.query(
    `INSERT INTO logins (id, user_id, digest, expires_at)
     VALUES (gen_random_uuid(), $1, '\\x01', now() - interval '1 s'),
            (gen_random_uuid(), $1, '\\x02', now() + interval '1 hour')`,
    [owner],
  );
  await database.query(
    `INSERT INTO email_links (id, purpose, email, user_id, expires_at)
     VALUES (gen_random_uuid(), 'reset', 'old', $1, now() - interval '1 s'),
            (gen_random_uuid(), 'reset', 'young', $1, now() + interval '1 hour')`,
    [owner],
  );
  await database.query(
    `INSERT INTO password_requests (id, email, expires_at)
     VALUES (gen_random_uuid(), 'old', now() - interval '1 s'),
            (gen_random_uuid(), 'young', now() + interval '1 hour')`,
  );
  await database.query(
    `INSERT INTO idempotency_keys (owner_id, key, request_hash, task_id, created_at) VALUES
       ($1, 'old', '\\x00', $2, now() - interval '8 days'),
       ($1, 'young', '\\x00', $2, now() - interval '6 days'),
       ($1, 'of an open task', '\\x00', $3, now() - interval '8 days'),
       ($1, 'of a task that is gone', '\\x00', $4, now())`,
    [owner, over, open, uuidv7()],
  );
  await database.query(
    `INSERT INTO schedule_runs (schedule, due_at, sent_at, manual) VALUES
       ('delete_old_data', '2001-01-01', now() - interval '31 days', false),
       ('delete_old_data', '2001-01-02', now() - interval '29 days', false)`,
  );
  const deleted = await deleteOldData();
  expect([
    deleted?.['sessions'],
    deleted?.['logins'],
    deleted?.['email_links'],
    deleted?.['password_requests'],
    deleted?.['idempotency_keys'],
    deleted?.['schedule_runs'],
  ]).toEqual([1, 1, 1, 1, 2, 1]);
  const keys = await database.query('SELECT key FROM idempotency_keys ORDER BY key');
  expect(keys).toEqual([{ key: 'of an open task' }, { key: 'young' }]);
  const sessions = await database.query(`SELECT FROM sessions WHERE digest = '\\x02'`);
  expect(sessions.length).toBe(1);
  const logins = await database.query(`SELECT FROM logins WHERE digest = '\\x02'`);
  const links = await database.query(`SELECT email FROM email_links`);
  expect([logins.length, links]).toEqual([1, [{ email: 'young' }]]);
  const runs = await database.query(`SELECT FROM schedule_runs WHERE due_at < '2001-01-03'`);
  expect(runs.length).toBe(1);
});

it('expired once keys are deleted, and others stay', async () => {
  const { database } = darkroom;
  await database.query(
    `INSERT INTO task_once_keys (name, key, task_id, expires_at) VALUES
       ('t', 'over', gen_random_uuid(), now() - interval '1 s'),
       ('t', 'held', gen_random_uuid(), now() + interval '1 day')`,
  );
  await database.query(
    `INSERT INTO task_rates (name, key, starts, look_at) VALUES
       ('t', 'old', ARRAY[now() - interval '60 days'], now() - interval '60 days'),
       ('t', 'never started', '{}', now() - interval '60 days'),
       ('t', 'waited for', ARRAY[now() - interval '60 days'], now()),
       ('t', 'young', ARRAY[now()], now() - interval '60 days')`,
  );
  const deleted = await deleteOldData();
  expect([deleted?.['task_once_keys'], deleted?.['task_rates']]).toEqual([1, 2]);
  const once = await database.query(`SELECT key FROM task_once_keys WHERE name = 't'`);
  expect(once).toEqual([{ key: 'held' }]);
  const rates = await database.query(`SELECT key FROM task_rates WHERE name = 't' ORDER BY key`);
  expect(rates).toEqual([{ key: 'waited for' }, { key: 'young' }]);
});

it('0 days keeps rows for ever', async () => {
  const id = await task({ ended: '3650 days' });
  const settings = { ...darkroom.settings, taskRetentionDays: 0, generationRetentionDays: 0 };
  const service = new MaintenanceService(
    darkroom.database,
    settings,
    darkroom.app.get(OLD_ROWS, { strict: false }),
  );
  const deleted = await service.deleteOldRows(endless);
  expect([deleted['tasks'], deleted['schedule_runs'], deleted['generations']]).toEqual([0, 0, 0]);
  expect(await left([id])).toEqual([true]);
});

it('the search for old tasks does not read tasks that are kept', async () => {
  await darkroom.database.query(
    `INSERT INTO tasks (id, name, queue, priority, payload, state, finished_at, run_at)
     SELECT gen_random_uuid(), 'generate_image_task', 'low_priority', 5, '{}', 'SUCCESS',
            now() - interval '90 days', now() FROM generate_series(1, 20000)`,
  );
  await darkroom.database.query('ANALYZE tasks');
  const old = darkroom.app.get<OldRows[]>(OLD_ROWS).find(({ what }) => what === 'tasks')!;
  const [plan] = (await darkroom.database.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${old.sql}`, [
    1000,
    30,
    ...(old.parameters ?? []),
  ])) as [{ 'QUERY PLAN': [{ Plan: PlanNode }] }];
  const read = rowsRead(plan['QUERY PLAN'][0].Plan);
  about(`${read} rows were read`, () => expect(read).toBeLessThan(5_000));
});

interface PlanNode {
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  Plans?: PlanNode[];
}

function rowsRead(node: PlanNode): number {
  const own = (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
  return own + (node.Plans ?? []).reduce((sum, plan) => sum + rowsRead(plan), 0);
}
