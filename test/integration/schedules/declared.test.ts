import assert from 'node:assert/strict';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Injectable } from '@nestjs/common';
import { Client } from 'pg';
import { z } from 'zod';
import { DeclaredSchedules } from '../../../src/tasks/schedules/declared-schedules.js';
import { defineSchedule } from '../../../src/tasks/schedules/schedule-definition.js';
import { DeclaredScheduleError } from '../../../src/tasks/schedules/schedule-errors.js';
import { ScheduleRuns } from '../../../src/tasks/schedules/schedule-runs.js';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
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
beforeAll(async () => {
  stores = await openStores('postgres');
  lab = await start();
});
afterAll(async () => {
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

it('a worker creates the schedules that its code declares', async () => {
  const found = await schedules.find('misting');
  expect([
    found.declared,
    found.task,
    found.payload,
    found.everyMs,
    found.misfire,
    found.queue,
  ]).toEqual([true, 'water', { litres: 0.1 }, 3_600_000, 'all', 'high_priority']);
  const { cron, timeZone, misfire, nextAt } = await schedules.find('watering');
  expect([cron, timeZone, misfire]).toEqual(['0 6 * * *', 'UTC', 'skip']);
  expect(nextAt!.toISOString()).toMatch(/T06:00:00\.000Z$/);
});

it('a declared schedule ticks, and can be run by hand', async () => {
  await lab.database.query(`UPDATE schedules SET next_at = now() WHERE name = 'watering'`);
  await schedules.resume('watering');
  const run = await eventually('it has run', async () => (await schedules.history('watering'))[0]);
  expect((await lab.finished(run.taskId!)).result).toBe(2);
  expect((await lab.finished(await schedules.runNow('misting'))).queue).toBe('high_priority');
});

it('a restart keeps the next tick, the pause and the schedules made at run time', async () => {
  const tick = (await schedules.find('misting')).nextAt;
  await schedules.pause('watering');
  await schedules.add({ name: 'extra', task: water, payload: { litres: 1 }, everyMs: 60_000 });
  await lab.close();
  lab = await start();
  expect((await schedules.find('misting')).nextAt).toEqual(tick);
  expect((await schedules.find('watering')).paused).toBe(true);
  expect((await schedules.find('extra')).payload instanceof Object).toBe(true);
  await schedules.resume('watering');
});

it('a tick that was due during the restart is handled by the misfire policy', async () => {
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

it('a deploy changes everything except the pause, and a new timing starts afresh', async () => {
  await schedules.pause('watering');
  const changed = { ...declaration, cron: '0 7 * * *', timeZone: 'Asia/Tokyo', priority: 1 };
  await deploy([{ task: water, declaration: changed }, misting]);
  const found = await schedules.find('watering');
  expect([found.cron, found.timeZone, found.priority, found.paused]).toEqual([
    '0 7 * * *',
    'Asia/Tokyo',
    1,
    true,
  ]);
  const { nextAt } = await schedules.resume('watering');
  expect(nextAt!.toISOString()).toMatch(/T22:00:00\.000Z$/);
  await deploy();
  expect((await schedules.find('watering')).priority).toBe(null);
});

it('a declared schedule cannot be removed, and the error says what to do', async () => {
  await assert.rejects(
    schedules.remove('watering'),
    (error) => error instanceof DeclaredScheduleError && /Pause it/.test(error.message),
  );
  expect((await schedules.find('watering')).declared).toBe(true);
});

it('a schedule whose code is gone rests and keeps its history until its code comes back', async () => {
  const runs = await schedules.history('watering');
  await deploy([misting]);
  const gone = await schedules.find('watering');
  expect(gone.retiredAt).toBeTruthy();
  expect(gone.nextAt).toBe(null);
  expect((await schedules.find('misting')).retiredAt).toBe(null);
  await deploy();
  const back = await schedules.find('watering');
  expect(back.retiredAt).toBe(null);
  expect(back.nextAt).toBeTruthy();
  expect(await schedules.history('watering')).toEqual(runs);
});

it('a schedule whose code is gone may be removed', async () => {
  await deploy([misting]);
  await schedules.remove('watering');
  await deploy();
  expect(await schedules.history('watering')).toEqual([]);
});

it('a worker leaves schedules of another release alone', async () => {
  const theirs = { task: water, declaration: { ...declaration, name: 'of_next_release' } };
  await deploy([watering, misting, theirs]);
  await lab.database.query(`UPDATE schedules SET next_at = now() WHERE name = 'of_next_release'`);
  expect(await lab.get(ScheduleRuns).tick()).toBe(null);
  expect(await schedules.history('of_next_release')).toEqual([]);
  await deploy();
});

it('many workers can start at once', async () => {
  await Promise.all(Array.from({ length: 8 }, () => deploy()));
  expect((await schedules.find('misting')).retiredAt).toBe(null);
});
