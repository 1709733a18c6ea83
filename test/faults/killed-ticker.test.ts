import assert from 'node:assert/strict';
import { it } from 'node:test';
import { sweepExpiredResultsTask } from '../../src/features/maintenance/maintenance.tasks.js';
import { Schedules } from '../../src/tasks/schedules/schedules.js';
import { startDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess } from '../support/processes.js';
import { onBothQueueEngines } from '../support/queue-engines.js';
import { assertTicksOnce } from '../support/schedules.js';

onBothQueueEngines('kill -9 of workers at their ticks', (engine) => {
  it('loses no tick and doubles none', async (t) => {
    const darkroom = await startDarkroom(engine, { workers: false });
    t.after(() => darkroom.close());
    const worker = (program: string, env = {}) => {
      const started = startProcess(program, [], {
        DATABASE_URL: darkroom.stores.databaseUrl,
        QUEUE_URL: darkroom.stores.queueUrl,
        DARKROOM_DATA_DIR: darkroom.settings.dataDir,
        SD_API_URLS: darkroom.settings.engineUrls[0],
        TASK_LEASE_SECONDS: '3',
        RECONCILE_SECONDS: '1',
        ...env,
      });
      t.after(() => endProcess(started));
      return started;
    };
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
      assert.equal(await doomed.ended(), 'SIGKILL', doomed.output());
    }
    // And now nobody is there for a while.
    steady.kill('SIGKILL');
    await steady.ended();
    worker('src/worker.js');
    const count = async () => (await database.query('SELECT FROM schedule_runs')).length;
    const before = await count();
    await eventually('it goes on', async () => (await count()) > before + 40);
    for (const { name } of await schedules.list()) await schedules.pause(name);
    await eventually(
      'all have run',
      async () => {
        const open = await database.query('SELECT FROM tasks WHERE finished_at IS NULL');
        return open.length === 0;
      },
      60_000,
    );
    await assertTicksOnce(database);
  });
});
