import { randomInt } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { atTestEnd } from '../support/at-test-end.js';
import { startDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { startWorkerOf } from '../support/worker-of.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { assertSound } from '../support/soundness.js';
import { hasRedis } from '../support/stores.js';

/** Phase in which the worker is killed, and the attempts that the generation then takes. */
const phases: [string, number][] = [
  ['claimed', 2],
  ['drawing', 2],
  ['drawn', 2],
  ['committing', 2],
  ['committed', 1],
  ['following', 1],
];

/** All phases on both engines in `npm run test:chaos`; else each phase on one, which by the seed. */
const seed = Number(process.env['DARKROOM_TEST_SEED'] ?? randomInt(2));
const all = process.env['DARKROOM_TEST_KILLS'] !== undefined || !hasRedis;
process.stderr.write(`DARKROOM_TEST_SEED=${seed}\n`);

onBothQueueEngines('kill -9 of a worker', (engine) => {
  const first = (seed + (engine === 'redis' ? 1 : 0)) % 2;
  for (const [phase, attempts] of phases.filter((_, index) => all || index % 2 === first)) {
    it(`loses nothing when a picture is ${phase}`, async () => {
      const darkroom = await startDarkroom(engine, { workers: false, sketch: { stepMs: 50 } });
      atTestEnd(() => darkroom.close());
      const doomed = startWorkerOf(darkroom, 'test/support/doomed-worker.js', {
        DIE_WHEN: phase,
      });
      await doomed.says('Serving');
      await darkroom.database.query(`UPDATE users SET email = 'ann@example.com'`);
      const wishes = { chat_id: phase, notify_email: true };
      const size = { width: 64, height: 64, steps: 20 };
      const id = await darkroom.generate({ prompt: phase, ...size, ...wishes });
      expect(await doomed.ended()).toBe('SIGKILL');

      darkroom.startWorkers();
      const status = await darkroom.finished(id);
      expect(status.status).toBe('SUCCESS');
      expect(status.attempt).toBe(attempts);
      await eventually('the picture is stored', async () => {
        const left = await darkroom.database.query('SELECT FROM image_spool');
        return left.length === 0;
      });
      await assertSound(darkroom);
      // The card may have worked twice; it drew the same picture.
      const { jobs } = darkroom.sketch.state();
      expect(new Set(jobs.map((job) => job.seed)).size).toBe(1);
    });
  }
});
