import { expect, it } from '@jest/globals';
import { atTestEnd } from '../support/at-test-end.js';
import { sweepExpiredResultsTask } from '../../src/features/maintenance/maintenance.tasks.js';
import { Schedules } from '../../src/tasks/schedules/schedules.js';
import { startDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { startWorkerOf } from '../support/worker-of.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { assertTicksOnce } from '../support/schedules.js';

onBothQueueEngines('kill -9 of workers while they send ticks', (engine) => {
  it('loses no tick and sends none twice', async () => {
    const darkroom = await startDarkroom(engine, { workers: false });
    atTestEnd(() => darkroom.close());
    const worker = (program: string, env = {}) => startWorkerOf(darkroom, program, env);
    const { database } = darkroom;
    const schedules = darkroom.app.get(Schedules);
    for (const name of ['left', 'right']) {
      const timing = { everyMs: 1_000, misfire: 'all' } as const;
      await schedules.add({ name, task: sweepExpiredResultsTask, payload: null, ...timing });
    }
    await database.query(`UPDATE schedules SET every_ms = 250, next_at = now()`);

    const steady = worker('src/worker.js');
    await steady.says('Serving');
    for (const phase of ['ticking', 'ticked', 'ticking', 'ticked']) {
      const doomed = worker('test/support/doomed-worker.js', { DIE_WHEN: phase });
      expect(await doomed.ended()).toBe('SIGKILL');
    }
    // And now nobody is there for a while.
    steady.kill('SIGKILL');
    await steady.ended();
    darkroom.startWorkers();
    const count = async () => (await database.query('SELECT FROM schedule_runs')).length;
    const before = await count();
    await eventually('it goes on', async () => (await count()) > before + 40);
    for (const { name } of await schedules.list()) await schedules.pause(name);
    await eventually('all have run', async () => {
      const open = await database.query('SELECT FROM tasks WHERE finished_at IS NULL');
      return open.length === 0;
    });
    await assertTicksOnce(database);
  });
});
