import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { Injectable } from '@nestjs/common';
import { Client } from 'pg';
import { z } from 'zod';
import { DeclaredSchedules } from '../../../src/tasks/schedules/declared-schedules.js';
import { defineSchedule } from '../../../src/tasks/schedules/schedule-definition.js';
import { DeclaredScheduleError } from '../../../src/tasks/schedules/schedule-errors.js';
import { ScheduleRuns } from '../../../src/tasks/schedules/schedule-runs.js';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { openStores, type TestStores } from '../../support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

const water = defineTask({
  name: 'water',
  queue: 'low_priority',
  payload: z.strictObject({ litres: z.number() }),
  result: z.number(),
});
const declaration = { name: 'watering', cron: '0 6 * * *', payload: { litres: 2 } };
const watering = defineSchedule(water, declaration);
const misting = defineSchedule(water, {
  name: 'misting',
  everyMs: 3_600_000,
  payload: { litres: 0.1 },
  misfire: 'all',
  queue: 'high_priority',
});

@Injectable()
class Gardener {
  @HandlesTask(water)
  async handle({ litres }: { litres: number }) {
    return litres;
  }
}

let stores: TestStores;
let lab: TaskLab;
let schedules: Schedules;
before(async () => {
  stores = await openStores('postgres');
  lab = await start();
});
after(async () => {
  await lab.close();
  await stores.close();
});

/** A worker that has read its own code. */
async function start(): Promise<TaskLab> {
  const started = await openTaskLab('postgres', { stores, providers: [Gardener] });
  schedules = started.get(Schedules);
  await eventually('both are declared', async () => {
    const all = await schedules.list();
    return all.filter((found) => found.declared && found.retiredAt === null).length === 2;
  });
  return started;
}

/** What another release declares, as its worker would tell it. */
const deploy = (...declared: Parameters<DeclaredSchedules['sync']>) =>
  lab.get(DeclaredSchedules).sync(...declared);

it('a worker makes what its code declares', async () => {
  const found = await schedules.find('misting');
  assert.deepEqual(
    [found.declared, found.task, found.payload, found.everyMs, found.misfire, found.queue],
    [true, 'water', { litres: 0.1 }, 3_600_000, 'all', 'high_priority'],
  );
  const { cron, timeZone, misfire, nextAt } = await schedules.find('watering');
  assert.deepEqual([cron, timeZone, misfire], ['0 6 * * *', 'UTC', 'skip']);
  assert.match(nextAt!.toISOString(), /T06:00:00\.000Z$/);
});

it('it ticks, and runs by hand', async () => {
  await lab.database.query(`UPDATE schedules SET next_at = now() WHERE name = 'watering'`);
  await schedules.resume('watering');
  const run = await eventually('it has run', async () => (await schedules.history('watering'))[0]);
  assert.equal((await lab.finished(run.taskId!)).result, 2);
  assert.equal((await lab.finished(await schedules.runNow('misting'))).queue, 'high_priority');
});

it('a restart keeps the next tick, the pause and what was made at run time', async () => {
  const tick = (await schedules.find('misting')).nextAt;
  await schedules.pause('watering');
  await schedules.add({ name: 'extra', task: water, payload: { litres: 1 }, everyMs: 60_000 });
  await lab.close();
  lab = await start();
  assert.deepEqual((await schedules.find('misting')).nextAt, tick);
  assert.equal((await schedules.find('watering')).paused, true);
  assert.equal((await schedules.find('extra')).payload instanceof Object, true);
  await schedules.resume('watering');
});

it('a tick that was due during the restart follows, by its policy', async () => {
  await lab.close();
  const client = new Client({ connectionString: stores.databaseUrl });
  await client.connect();
  await client.query(
    `UPDATE schedules SET next_at = now() - interval '150 min' WHERE name = 'misting'`,
  );
  await client.end();
  lab = await start();
  const ticks = () => schedules.history('misting');
  await eventually('three runs', async () => (await ticks()).filter((r) => !r.manual).length === 3);
});

it('a deploy changes all but the pause; a new timing begins anew', async () => {
  await schedules.pause('watering');
  const changed = { ...declaration, cron: '0 7 * * *', timeZone: 'Asia/Tokyo', priority: 1 };
  await deploy([{ task: water, declaration: changed }, misting]);
  const found = await schedules.find('watering');
  assert.deepEqual(
    [found.cron, found.timeZone, found.priority, found.paused],
    ['0 7 * * *', 'Asia/Tokyo', 1, true],
  );
  const { nextAt } = await schedules.resume('watering');
  assert.match(nextAt!.toISOString(), /T22:00:00\.000Z$/);
  await deploy();
  assert.equal((await schedules.find('watering')).priority, null);
});

it('a declared one cannot be removed, and says what to do', async () => {
  await assert.rejects(
    schedules.remove('watering'),
    (error) => error instanceof DeclaredScheduleError && /Pause it/.test(error.message),
  );
  assert.equal((await schedules.find('watering')).declared, true);
});

it('one whose code is gone rests, with its history, until it comes back', async () => {
  const runs = await schedules.history('watering');
  await deploy([misting]);
  const gone = await schedules.find('watering');
  assert.ok(gone.retiredAt);
  assert.equal(gone.nextAt, null);
  assert.equal((await schedules.find('misting')).retiredAt, null);
  await deploy();
  const back = await schedules.find('watering');
  assert.equal(back.retiredAt, null);
  assert.ok(back.nextAt);
  assert.deepEqual(await schedules.history('watering'), runs);
});

it('one whose code is gone may be removed', async () => {
  await deploy([misting]);
  await schedules.remove('watering');
  await deploy();
  assert.deepEqual(await schedules.history('watering'), []);
});

it('a worker leaves alone what another release declares', async () => {
  const theirs = { task: water, declaration: { ...declaration, name: 'of_next_release' } };
  await deploy([watering, misting, theirs]);
  await lab.database.query(`UPDATE schedules SET next_at = now() WHERE name = 'of_next_release'`);
  assert.equal(await lab.get(ScheduleRuns).tick(), null);
  assert.deepEqual(await schedules.history('of_next_release'), []);
  await deploy();
});

it('many workers may start at once', async () => {
  await Promise.all(Array.from({ length: 8 }, () => deploy()));
  assert.equal((await schedules.find('misting')).retiredAt, null);
});
