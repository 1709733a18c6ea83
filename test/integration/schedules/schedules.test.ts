import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { about } from '../../support/about.js';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import {
  InvalidScheduleError,
  ScheduleExistsError,
  UnknownScheduleError,
  UnknownTaskNameError,
} from '../../../src/tasks/schedules/schedule-errors.js';
import { ScheduleRuns } from '../../../src/tasks/schedules/schedule-runs.js';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { InvalidPayloadError } from '../../../src/tasks/definitions/task-payload.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';
import { unstorable } from '../../support/unstorable-values.js';

const greet = defineTask({
  name: 'greet',
  queue: 'normal_priority',
  payload: z.strictObject({ whom: z.string(), how: z.string().default('hello') }),
  result: z.string(),
});

@Injectable()
class Greeter {
  @HandlesTask(greet)
  async handle({ whom, how }: { whom: string; how: string }) {
    return `${how} ${whom}`;
  }
}

const hourly = { everyMs: 3_600_000, task: greet, payload: { whom: 'you' } };

onBothQueueEngines('schedules made at run time', (engine) => {
  let lab: TaskLab;
  let api: TaskLab;
  let schedules: Schedules;
  beforeAll(async () => {
    lab = await openTaskLab(engine, { providers: [Greeter] });
    // Another process, which runs nothing.
    api = await openTaskLab(engine, { providers: [Greeter], stores: lab.stores, serve: [] });
    schedules = api.get(Schedules);
  });
  afterAll(async () => {
    await api.close();
    await lab.close();
  });
  const makeDue = (name: string, ago = '0 s') =>
    lab.database.query(`UPDATE schedules SET next_at = now() - $2::interval WHERE name = $1`, [
      name,
      ago,
    ]);
  const firstRun = (name: string) =>
    eventually(`${name} has run`, async () => {
      const [run] = await schedules.history(name);
      return run?.state === 'SUCCESS' && run;
    });

  it('tick in whichever process has a worker', async () => {
    const added = await schedules.add({ ...hourly, name: 'quick', everyMs: 1_000 });
    expect(added.nextAt!.getTime() > added.createdAt.getTime()).toBe(true);
    const run = await firstRun('quick');
    expect([run.manual, run.error]).toEqual([false, null]);
    expect((await lab.task(run.taskId!)).result).toBe('hello you');
    const now = await schedules.find('quick');
    expect(now.nextAt! > run.dueAt).toBe(true);
    expect(now.lastSentAt! >= run.sentAt).toBe(true);
    await schedules.remove('quick');
  });

  it('keep the options they were made with', async () => {
    const made = {
      name: 'daily:at-three_30.utc',
      cron: '30 3 * * *',
      timeZone: 'Europe/Berlin',
      payload: { whom: 'Berlin' },
      queue: 'low_priority',
      priority: 9,
      expiresInMs: 60_000,
      misfire: 'one',
    } as const;
    const added = await schedules.add({ ...made, task: 'greet' });
    const { createdAt, nextAt, ...rest } = added;
    expect(rest).toEqual({
      ...made,
      task: 'greet',
      declared: false,
      everyMs: null,
      paused: false,
      lastSentAt: null,
      retiredAt: null,
    });
    expect(nextAt! > createdAt).toBe(true);
    expect(await schedules.find(made.name)).toEqual(added);
    expect((await schedules.list()).some(({ name }) => name === made.name)).toBe(true);
    const task = await lab.task(await schedules.runNow(made.name));
    expect([
      task.queue,
      task.priority,
      task.expiresAt!.getTime() - task.createdAt.getTime(),
    ]).toEqual(['low_priority', 9, 60_000]);
    await schedules.remove(made.name);
  });

  it('use the zone of TZ_SCHEDULE when none is named', async () => {
    const settings = { scheduleTimeZone: 'Asia/Tokyo' };
    const tokyo = await openTaskLab(engine, { stores: lab.stores, serve: [], settings });
    atTestEnd(() => tokyo.close());
    const { timeZone } = await tokyo
      .get(Schedules)
      .add({ name: 'tokyo', task: greet, payload: { whom: 'you' }, cron: '0 9 * * *' });
    expect(timeZone).toBe('Asia/Tokyo');
  });

  it('do not tick while paused, and continue on their grid from the moment they are resumed', async () => {
    await schedules.add({ ...hourly, name: 'pausing' });
    const paused = await schedules.pause('pausing');
    expect([paused.paused, paused.nextAt]).toEqual([true, null]);
    await schedules.pause('pausing');
    await makeDue('pausing', '90 min');
    expect(await lab.get(ScheduleRuns).tick()).toBe(null);
    const resumed = await schedules.resume('pausing');
    const [{ now }] = await lab.database.query('SELECT now()');
    expect(resumed.paused).toBe(false);
    const inMinutes = (resumed.nextAt!.getTime() - now.getTime()) / 60_000;
    about(`in ${inMinutes} minutes`, () => expect(inMinutes > 28 && inMinutes <= 30).toBe(true));
    expect(await schedules.resume('pausing')).toEqual(resumed);
    expect(await schedules.history('pausing')).toEqual([]);
  });

  it('keep a due tick when they are resumed without having been paused', async () => {
    await schedules.add({ ...hourly, name: 'eager' });
    await makeDue('eager');
    await schedules.resume('eager');
    await firstRun('eager');
  });

  it('send one task on runNow, paused or not, and keep their ticks', async () => {
    const { nextAt } = await schedules.add({ ...hourly, name: 'by_hand' });
    const first = await schedules.runNow('by_hand');
    await schedules.pause('by_hand');
    const second = await schedules.runNow('by_hand');
    await lab.finished(first);
    await lab.finished(second);
    const history = await schedules.history('by_hand');
    expect(history.map(({ taskId, manual, state }) => [taskId, manual, state])).toEqual([
      [second, true, 'SUCCESS'],
      [first, true, 'SUCCESS'],
    ]);
    expect((await schedules.resume('by_hand')).nextAt).toEqual(nextAt);
  });

  it('send a task for each of many runNow calls at once', async () => {
    await schedules.add({ ...hourly, name: 'crowd' });
    const ids = await Promise.all(Array.from({ length: 20 }, () => schedules.runNow('crowd')));
    expect(new Set(ids).size).toBe(20);
    expect((await schedules.history('crowd', 100)).length).toBe(20);
  });

  it('have a history, newest first and limited as requested, even when the tasks are gone', async () => {
    await schedules.add({ ...hourly, name: 'past' });
    const ids = [await schedules.runNow('past'), await schedules.runNow('past')];
    await lab.finished(ids[1]!);
    await lab.database.query('DELETE FROM tasks WHERE id = $1', [ids[1]]);
    const [newest, ...more] = await schedules.history('past', 1);
    expect([newest?.taskId, newest?.state, more]).toEqual([ids[1], null, []]);
    await expect(schedules.history('past', 0)).rejects.toThrow(RangeError);
    await expect(schedules.history('past', 1_001)).rejects.toThrow(RangeError);
  });

  it('are removed together with their history, while their tasks stay', async () => {
    await schedules.add({ ...hourly, name: 'short' });
    const id = await schedules.runNow('short');
    await schedules.remove('short');
    await expect(schedules.find('short')).rejects.toThrow(UnknownScheduleError);
    await lab.finished(id);
    await schedules.add({ ...hourly, name: 'short' });
    expect(await schedules.history('short')).toEqual([]);
  });

  describe('after an outage', () => {
    const missed: [misfire: 'skip' | 'one' | 'all', runs: number][] = [
      ['skip', 0],
      ['one', 1],
      ['all', 150],
    ];
    for (const [misfire, runs] of missed) {
      it(`${misfire} sends ${runs} runs for 150 missed ticks`, async () => {
        const name = `missed_${misfire}`;
        await schedules.add({ ...hourly, name, misfire });
        await makeDue(name, '149 h 30 min');
        // It goes by on a wake-up, not by itself: the sleep is long.
        await schedules.resume(name);
        await eventually('it is on time again', async () => {
          return (await schedules.find(name)).nextAt! > new Date();
        });
        const history = await schedules.history(name, 1_000);
        expect(history.length).toBe(runs);
        expect(new Set(history.map((run) => run.taskId)).size).toBe(runs);
        expect(new Set(history.map((run) => run.dueAt.getTime())).size).toBe(runs);
      });
    }
  });

  it('send no second run for a tick if the row is set back', async () => {
    await schedules.add({ ...hourly, name: 'set_back', misfire: 'all' });
    await makeDue('set_back');
    const { next_at: due } = (
      await lab.database.query(`SELECT next_at FROM schedules WHERE name = 'set_back'`)
    )[0];
    await schedules.resume('set_back');
    await firstRun('set_back');
    await lab.database.query(`UPDATE schedules SET next_at = $1 WHERE name = 'set_back'`, [due]);
    await schedules.resume('set_back');
    await eventually('it was looked at again', async () => {
      return (await schedules.find('set_back')).nextAt! > due;
    });
    expect((await schedules.history('set_back')).length).toBe(1);
  });

  it('record a payload that no longer fits in the history, without harm to other schedules', async () => {
    await schedules.add({ ...hourly, name: 'a_outdated' });
    await schedules.add({ ...hourly, name: 'b_fine' });
    await lab.database.query(
      `UPDATE schedules SET payload = '{"who": 1}', next_at = now() WHERE name = 'a_outdated'`,
    );
    await makeDue('b_fine');
    await schedules.resume('b_fine');
    await firstRun('b_fine');
    const run = await eventually('a line', async () => (await schedules.history('a_outdated'))[0]);
    expect([run.taskId, run.state]).toEqual([null, null]);
    expect(run.error!).toMatch(/Payload of task "greet"/);
    await expect(schedules.runNow('a_outdated')).rejects.toThrow(InvalidPayloadError);
    expect((await schedules.history('a_outdated')).length).toBe(1);
  });

  it('record a task that Postgres refuses in the history, without harm to other schedules', async () => {
    await lab.database.query(`
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'not this one'; END $$`);
    await lab.database.query(`
      CREATE TRIGGER refuse BEFORE INSERT ON tasks FOR EACH ROW
      WHEN (NEW.payload->>'whom' = 'the refused') EXECUTE FUNCTION refuse()`);
    await schedules.add({ ...hourly, name: 'a_refused', payload: { whom: 'the refused' } });
    await schedules.add({ ...hourly, name: 'b_allowed' });
    await makeDue('a_refused');
    await makeDue('b_allowed');
    await firstRun('b_allowed');
    const run = await eventually('a line', async () => (await schedules.history('a_refused'))[0]);
    expect([run.taskId, run.state]).toEqual([null, null]);
    expect(run.error!).toMatch(/not this one/);
  });

  it('tick all the same after one limit of time; a second one is a refusal that does not hold up others', async () => {
    await lab.database.query('CREATE SEQUENCE late_inserts');
    await lab.database.query(`
      CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        IF NEW.payload->>'whom' = 'the slow' OR nextval('late_inserts') = 1 THEN
          RAISE EXCEPTION 'too late' USING ERRCODE = '57014';
        END IF;
        RETURN NEW;
      END $$`);
    await lab.database.query(`
      CREATE TRIGGER late BEFORE INSERT ON tasks FOR EACH ROW
      WHEN (NEW.payload->>'whom' IN ('the slow', 'the late')) EXECUTE FUNCTION late()`);
    await schedules.add({ ...hourly, name: 'a_slow', payload: { whom: 'the slow' } });
    await schedules.add({ ...hourly, name: 'b_late', payload: { whom: 'the late' } });
    await makeDue('a_slow', '1 s');
    await makeDue('b_late');
    expect((await firstRun('b_late')).error).toBeNull();
    const run = await eventually('a line', async () => (await schedules.history('a_slow'))[0]);
    expect([run.taskId, run.error]).toEqual([null, expect.stringContaining('too late')]);
    for (const name of ['a_slow', 'b_late']) {
      expect((await schedules.find(name)).paused).toBe(false);
    }
  });

  it('are paused when their timing can no longer be read', async () => {
    await schedules.add({ ...hourly, name: 'unreadable' });
    await lab.database.query(
      `UPDATE schedules SET every_ms = NULL, cron = 'x', time_zone = 'UTC', next_at = now()
        WHERE name = 'unreadable'`,
    );
    await eventually('it is paused', async () => {
      await lab.get(ScheduleRuns).tick();
      return (await schedules.find('unreadable')).paused;
    });
  });

  it('wait when no process knows their task', async () => {
    await schedules.add({ ...hourly, name: 'of_tomorrow' });
    await lab.database.query(
      `UPDATE schedules SET task = 'tomorrow', next_at = now() WHERE name = 'of_tomorrow'`,
    );
    expect(await lab.get(ScheduleRuns).tick()).toBe(null);
    await expect(schedules.runNow('of_tomorrow')).rejects.toThrow(UnknownTaskNameError);
    expect(await schedules.history('of_tomorrow')).toEqual([]);
  });

  describe('are not stored with', () => {
    const wrong: [string, object, new (...args: never[]) => Error][] = [
      ['an unknown task', { task: 'grete' }, UnknownTaskNameError],
      ['a payload that does not fit', { payload: { who: 'you' } }, InvalidPayloadError],
      ['no payload', { payload: undefined }, InvalidPayloadError],
      ['a cron that cannot be read', { everyMs: undefined, cron: '* *' }, InvalidScheduleError],
      [
        'an unknown zone',
        { everyMs: undefined, cron: '* * * * *', timeZone: 'X/Y' },
        InvalidScheduleError,
      ],
      ['an interval below a second', { everyMs: 10 }, InvalidScheduleError],
      ['a name that is none', { name: 'a/b' }, InvalidScheduleError],
      ['an unknown queue', { queue: 'urgent' }, InvalidScheduleError],
      ['a priority out of range', { priority: -1 }, InvalidScheduleError],
      ['a name that is taken', { name: 'pausing' }, ScheduleExistsError],
      ...unstorable.map(
        ([what, make]) =>
          [
            `${what} in the payload`,
            { payload: { whom: make() } },
            InvalidPayloadError,
          ] as (typeof wrong)[number],
      ),
    ];
    for (const [what, change, type] of wrong) {
      it(what, async () => {
        const before = await schedules.list();
        const schedule = { name: 'wrong', ...hourly, ...change };
        await assert.rejects(schedules.add(schedule), (error) => error instanceof type);
        expect((await schedules.list()).length).toBe(before.length);
      });
    }
  });

  it('check the payload at compile time too', async () => {
    // @ts-expect-error whom is a text
    const added = schedules.add({ ...hourly, name: 'typed', payload: { whom: 1 } });
    await expect(added).rejects.toThrow(InvalidPayloadError);
  });

  it('are reported as unknown by every method if they do not exist', async () => {
    const verbs = ['find', 'pause', 'resume', 'runNow', 'remove', 'history'] as const;
    for (const verb of verbs) {
      await assert.rejects(
        async () => schedules[verb]('nobody'),
        (error) => error instanceof UnknownScheduleError && /"nobody"/.test(error.message),
      );
    }
  });
});
