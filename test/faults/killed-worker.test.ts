import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess } from '../support/processes.js';
import { onBothQueueEngines } from '../support/queue-engines.js';
import { assertSound } from '../support/soundness.js';

/** Phase in which the worker is killed, and the attempts that the generation then takes. */
const phases: [string, number][] = [
  ['claimed', 2],
  ['drawing', 2],
  ['drawn', 2],
  ['committing', 2],
  ['committed', 1],
  ['uploading', 1],
  ['uploaded', 1],
];

onBothQueueEngines(
  'kill -9 of a worker',
  (engine) => {
    for (const [phase, attempts] of phases) {
      it(`when a picture is ${phase}`, async (t) => {
        const darkroom = await startDarkroom(engine, { workers: false, sketch: { stepMs: 50 } });
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
        const doomed = worker('test/support/doomed-worker.js', { DIE_WHEN: phase });
        await doomed.says('Serving');
        const id = await darkroom.generate({ prompt: phase, width: 64, height: 64, steps: 20 });
        assert.equal(await doomed.ended(), 'SIGKILL');

        worker('src/worker.js');
        const status = await darkroom.finished(id, 60_000);
        assert.equal(status.status, 'SUCCESS');
        assert.equal(status.attempt, attempts);
        await eventually(
          'the picture is stored',
          async () => {
            const left = await darkroom.database.query('SELECT FROM image_spool');
            return left.length === 0;
          },
          60_000,
        );
        await assertSound(darkroom);
        // The card may have worked twice; it drew the same picture.
        const { jobs } = darkroom.sketch.state();
        assert.equal(new Set(jobs.map((job) => job.seed)).size, 1);
      });
    }
  },
  { concurrency: true },
);
