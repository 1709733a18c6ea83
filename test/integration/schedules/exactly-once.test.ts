import { expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { ScheduleRuns } from '../../../src/tasks/schedules/schedule-runs.js';
import { Schedules } from '../../../src/tasks/schedules/schedules.js';
import { defineTask } from '../../../src/tasks/definitions/task-definition.js';
import { HandlesTask } from '../../../src/tasks/definitions/task-handler.decorator.js';
import { eventually } from '../../support/eventually.js';
import { onBothQueueEngines } from '../../support/on-both-queue-engines.js';
import { openStores } from '../../support/queue-engines.js';
import { assertTicksOnce } from '../../support/schedules.js';
import { openTaskLab } from '../../support/task-lab.js';

const beat = defineTask({
  name: 'beat',
  queue: 'normal_priority',
  payload: z.strictObject({ drum: z.int() }),
  result: z.int(),
});

@Injectable()
class Drummer {
  @HandlesTask(beat)
  async handle({ drum }: { drum: number }) {
    return drum;
  }
}

onBothQueueEngines('each tick is sent once', (engine) => {
  it('with three workers, one of which is replaced in between', async () => {
    const stores = await openStores(engine);
    const open = async () => openTaskLab(engine, { stores, providers: [Drummer] });
    const labs = [await open(), await open(), await open()];
    atTestEnd(async () => {
      for (const lab of labs) await lab.close();
      await stores.close();
    });
    const { database } = labs[0]!;
    const schedules = labs[0]!.get(Schedules);
    for (const drum of [1, 2, 3]) {
      await schedules.add({
        name: `drum_${drum}`,
        task: beat,
        payload: { drum },
        everyMs: 1_000,
        misfire: 'all',
      });
    }
    // Quicker than anybody may ask for.
    await database.query(`UPDATE schedules SET every_ms = 100, next_at = now()`);
    const reached = (count: number) =>
      eventually(`${count} ticks each`, async () => {
        const runs = await database.query(
          `SELECT FROM schedule_runs GROUP BY schedule HAVING count(*) >= $1`,
          [count],
        );
        return runs.length === 3;
      });
    await reached(20);
    await labs[2]!.close();
    labs[2] = await open();
    await reached(40);
    for (const drum of [1, 2, 3]) await schedules.pause(`drum_${drum}`);

    await eventually('all have run', async () => {
      return (await database.query('SELECT FROM tasks WHERE finished_at IS NULL')).length === 0;
    });
    await assertTicksOnce(database);
  });

  it('when many workers look at the same moment', async () => {
    const lab = await openTaskLab(engine, { providers: [Drummer], serve: [] });
    atTestEnd(() => lab.close());
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) {
      const timing = { everyMs: 60_000 };
      await lab.get(Schedules).add({ name, task: beat, payload: { drum: 1 }, ...timing });
    }
    await lab.database.query(`UPDATE schedules SET next_at = now()`);
    const looks = Array.from({ length: 16 }, () => lab.get(ScheduleRuns).tick());
    const found = (await Promise.all(looks)).filter((name) => name !== null);
    expect(new Set(found).size).toBe(found.length);
    const sent = await lab.database.query('SELECT FROM tasks');
    expect(sent.length).toBe(found.length);
    expect(found.length).toBeGreaterThan(0);
  });
});
