import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
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
import { InvalidPayloadError } from '../../../src/tasks/task-payload.js';
import { defineTask } from '../../../src/tasks/task-definition.js';
import { HandlesTask } from '../../../src/tasks/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/queue-engines.js';
import { openTaskLab, type TaskLab } from '../../support/task-lab.js';

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
  before(async () => {
    lab = await openTaskLab(engine, { providers: [Greeter] });
    // Another process, which runs nothing.
    api = await openTaskLab(engine, { providers: [Greeter], stores: lab.stores, serve: [] });
    schedules = api.get(Schedules);
  });
  after(async () => {
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

  it('ticks, in whichever process there is a worker', async () => {
    const added = await schedules.add({ ...hourly, name: 'quick', everyMs: 1_000 });
    assert.equal(added.nextAt!.getTime() > added.createdAt.getTime(), true);
    const run = await firstRun('quick');
    assert.deepEqual([run.manual, run.error], [false, null]);
    assert.equal((await lab.task(run.taskId!)).result, 'hello you');
    const now = await schedules.find('quick');
    assert.ok(now.nextAt! > run.dueAt);
    assert.ok(now.lastSentAt! >= run.sentAt);
    await schedules.remove('quick');
  });

  it('has what it was made with', async () => {
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
    assert.deepEqual(rest, {
      ...made,
      task: 'greet',
      declared: false,
      everyMs: null,
      paused: false,
      lastSentAt: null,
      retiredAt: null,
    });
    assert.ok(nextAt! > createdAt);
    assert.deepEqual(await schedules.find(made.name), added);
    assert.ok((await schedules.list()).some(({ name }) => name === made.name));
    const task = await lab.task(await schedules.runNow(made.name));
    assert.deepEqual(
      [task.queue, task.priority, task.expiresAt!.getTime() - task.createdAt.getTime()],
      ['low_priority', 9, 60_000],
    );
    await schedules.remove(made.name);
  });

  it('takes the zone of TZ_SCHEDULE when none is named', async (t) => {
    const settings = { scheduleTimeZone: 'Asia/Tokyo' };
    const tokyo = await openTaskLab(engine, { stores: lab.stores, serve: [], settings });
    t.after(() => tokyo.close());
    const { timeZone } = await tokyo
      .get(Schedules)
      .add({ name: 'tokyo', task: greet, payload: { whom: 'you' }, cron: '0 9 * * *' });
    assert.equal(timeZone, 'Asia/Tokyo');
  });

  it('paused it does not tick; resumed it goes on from now, on its grid', async () => {
    await schedules.add({ ...hourly, name: 'pausing' });
    const paused = await schedules.pause('pausing');
    assert.deepEqual([paused.paused, paused.nextAt], [true, null]);
    await schedules.pause('pausing');
    await makeDue('pausing', '90 min');
    assert.equal(await lab.get(ScheduleRuns).tick(), null);
    const resumed = await schedules.resume('pausing');
    const [{ now }] = await lab.database.query('SELECT now()');
    assert.equal(resumed.paused, false);
    const inMinutes = (resumed.nextAt!.getTime() - now.getTime()) / 60_000;
    assert.ok(inMinutes > 28 && inMinutes <= 30, `in ${inMinutes} minutes`);
    assert.deepEqual(await schedules.resume('pausing'), resumed);
    assert.deepEqual(await schedules.history('pausing'), []);
  });

  it('resuming one that is not paused drops no tick that is due', async () => {
    await schedules.add({ ...hourly, name: 'eager' });
    await makeDue('eager');
    await schedules.resume('eager');
    await firstRun('eager');
  });

  it('run now sends one task, paused or not, and leaves the ticks where they are', async () => {
    const { nextAt } = await schedules.add({ ...hourly, name: 'by_hand' });
    const first = await schedules.runNow('by_hand');
    await schedules.pause('by_hand');
    const second = await schedules.runNow('by_hand');
    await lab.finished(first);
    await lab.finished(second);
    const history = await schedules.history('by_hand');
    assert.deepEqual(
      history.map(({ taskId, manual, state }) => [taskId, manual, state]),
      [
        [second, true, 'SUCCESS'],
        [first, true, 'SUCCESS'],
      ],
    );
    assert.deepEqual((await schedules.resume('by_hand')).nextAt, nextAt);
  });

  it('many at once may run it now, each with a task of its own', async () => {
    await schedules.add({ ...hourly, name: 'crowd' });
    const ids = await Promise.all(Array.from({ length: 20 }, () => schedules.runNow('crowd')));
    assert.equal(new Set(ids).size, 20);
    assert.equal((await schedules.history('crowd', 100)).length, 20);
  });

  it('history: newest first, at most as many as asked for, also when the tasks are gone', async () => {
    await schedules.add({ ...hourly, name: 'past' });
    const ids = [await schedules.runNow('past'), await schedules.runNow('past')];
    await lab.finished(ids[1]!);
    await lab.database.query('DELETE FROM tasks WHERE id = $1', [ids[1]]);
    const [newest, ...more] = await schedules.history('past', 1);
    assert.deepEqual([newest?.taskId, newest?.state, more], [ids[1], null, []]);
    await assert.rejects(schedules.history('past', 0), RangeError);
    await assert.rejects(schedules.history('past', 1_001), RangeError);
  });

  it('removed it is gone with its history, and its tasks stay', async () => {
    await schedules.add({ ...hourly, name: 'short' });
    const id = await schedules.runNow('short');
    await schedules.remove('short');
    await assert.rejects(schedules.find('short'), UnknownScheduleError);
    await lab.finished(id);
    await schedules.add({ ...hourly, name: 'short' });
    assert.deepEqual(await schedules.history('short'), []);
  });

  describe('after an outage', () => {
    const missed: [misfire: 'skip' | 'one' | 'all', runs: number][] = [
      ['skip', 0],
      ['one', 1],
      ['all', 150],
    ];
    for (const [misfire, runs] of missed) {
      it(`${misfire}: ${runs} runs for 150 missed ticks`, async () => {
        const name = `missed_${misfire}`;
        await schedules.add({ ...hourly, name, misfire });
        await makeDue(name, '149 h 30 min');
        // It goes by on a wake-up, not by itself: the sleep is long.
        await schedules.resume(name);
        await eventually('it is on time again', async () => {
          return (await schedules.find(name)).nextAt! > new Date();
        });
        const history = await schedules.history(name, 1_000);
        assert.equal(history.length, runs);
        assert.equal(new Set(history.map((run) => run.taskId)).size, runs);
        assert.equal(new Set(history.map((run) => run.dueAt.getTime())).size, runs);
      });
    }
  });

  it('a tick that has had its run gets no other, should its row be set back', async () => {
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
    assert.equal((await schedules.history('set_back')).length, 1);
  });

  it('a payload that does not fit any more is told in the history, and harms nobody else', async () => {
    await schedules.add({ ...hourly, name: 'a_outdated' });
    await schedules.add({ ...hourly, name: 'b_fine' });
    await lab.database.query(
      `UPDATE schedules SET payload = '{"who": 1}', next_at = now() WHERE name = 'a_outdated'`,
    );
    await makeDue('b_fine');
    await schedules.resume('b_fine');
    await firstRun('b_fine');
    const run = await eventually('a line', async () => (await schedules.history('a_outdated'))[0]);
    assert.deepEqual([run.taskId, run.state], [null, null]);
    assert.match(run.error!, /Payload of task "greet"/);
    await assert.rejects(schedules.runNow('a_outdated'), InvalidPayloadError);
    assert.equal((await schedules.history('a_outdated')).length, 1);
  });

  it('a task that Postgres refuses is told in the history, and harms nobody else', async () => {
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
    assert.deepEqual([run.taskId, run.state], [null, null]);
    assert.match(run.error!, /not this one/);
  });

  it('a timing that cannot be read any more pauses the schedule', async () => {
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

  it('a task that no process knows waits for one that does', async () => {
    await schedules.add({ ...hourly, name: 'of_tomorrow' });
    await lab.database.query(
      `UPDATE schedules SET task = 'tomorrow', next_at = now() WHERE name = 'of_tomorrow'`,
    );
    assert.equal(await lab.get(ScheduleRuns).tick(), null);
    await assert.rejects(schedules.runNow('of_tomorrow'), UnknownTaskNameError);
    assert.deepEqual(await schedules.history('of_tomorrow'), []);
  });

  describe('stores nothing for', () => {
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
    ];
    for (const [what, change, type] of wrong) {
      it(what, async () => {
        const before = await schedules.list();
        const schedule = { name: 'wrong', ...hourly, ...change };
        await assert.rejects(schedules.add(schedule), (error) => error instanceof type);
        assert.equal((await schedules.list()).length, before.length);
      });
    }
  });

  it('the payload is checked at compile time, too', async () => {
    // @ts-expect-error whom is a text
    const added = schedules.add({ ...hourly, name: 'typed', payload: { whom: 1 } });
    await assert.rejects(added, InvalidPayloadError);
  });

  it('every verb says that there is no such schedule', async () => {
    const verbs = ['find', 'pause', 'resume', 'runNow', 'remove', 'history'] as const;
    for (const verb of verbs) {
      await assert.rejects(
        async () => schedules[verb]('nobody'),
        (error) => error instanceof UnknownScheduleError && /"nobody"/.test(error.message),
      );
    }
  });
});
