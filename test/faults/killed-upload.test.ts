import { randomBytes, randomInt } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { StoredFiles } from '../../src/features/stored-files/stored-files.js';
import { atTestEnd } from '../support/at-test-end.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import type { QueueEngineName } from '../support/queue-engines.js';
import { startS3 } from '../support/s3-server.js';
import { assertSound } from '../support/soundness.js';
import { hasRedis } from '../support/stores.js';
import { startWorkerOf } from '../support/worker-of.js';

/** What is stored, and the phase in which the worker is killed. */
const phases = [
  ['picture', 'uploading'],
  ['picture', 'thumbnailed'],
  ['picture', 'uploaded'],
  ['picture', 'marked'],
  ['file', 'uploading'],
  ['file', 'uploaded'],
  ['file', 'marked'],
] as const;
const storages = ['disk', 's3'] as const;

/** Each on both engines and both storages in `npm run test:chaos`; else on one of each, which by the seed. */
const seed = Number(process.env['DARKROOM_TEST_SEED'] ?? randomInt(4));
const all = process.env['DARKROOM_TEST_KILLS'] !== undefined;
process.stderr.write(`DARKROOM_TEST_SEED=${seed}\n`);

function casesOn(engine: QueueEngineName) {
  const cases = phases.flatMap(([what, phase], index) =>
    storages.map((storage, n) => ({ what, phase, storage, number: index + seed, n })),
  );
  if (all) return cases;
  const turn = engine === 'redis' ? 1 : 0;
  return cases
    .filter(({ number, n }) => Math.floor(number / 2) % 2 === n)
    .filter(({ number }) => !hasRedis || number % 2 === turn);
}

async function open(engine: QueueEngineName, storage: string): Promise<TestDarkroom> {
  const s3 = storage === 's3' ? await startS3() : undefined;
  const darkroom = await startDarkroom(engine, {
    workers: false,
    settings: { s3: s3?.options },
  });
  atTestEnd(async () => {
    await darkroom.close();
    await s3?.close();
  });
  return darkroom;
}

/** As a task stores one. */
async function addFile({ app, database }: TestDarkroom): Promise<void> {
  const [owner] = await database.query<{ id: string }[]>(`SELECT id FROM users LIMIT 1`);
  const file = { bytes: randomBytes(100_000), contentType: 'text/csv', name: 'report.csv' };
  await database.transaction((tx) => app.get(StoredFiles).add(tx, { ...file, ownerId: owner!.id }));
}

onBothQueueEngines('kill -9 of a worker that stores something', (engine) => {
  for (const { what, phase, storage } of casesOn(engine)) {
    it(`loses nothing and leaves nothing on ${storage} when a ${what} is ${phase}`, async () => {
      const darkroom = await open(engine, storage);
      const doomed = startWorkerOf(darkroom, 'test/support/doomed-worker.js', { DIE_WHEN: phase });
      if (what === 'file') await addFile(darkroom);
      else await darkroom.generate({ prompt: phase, width: 64, height: 64, steps: 1 });
      expect(await doomed.ended()).toBe('SIGKILL');

      darkroom.startWorkers();
      await eventually('it is stored, and out of the spool', async () => {
        const [{ spooled, stored }] = await darkroom.database.query(
          `SELECT (SELECT count(*) FROM image_spool)::int AS spooled,
                  (SELECT count(*) FROM tasks WHERE name = 'upload_to_cloud_task' AND state = 'SUCCESS')::int AS stored`,
        );
        return spooled === 0 && stored === 1;
      });
      await assertSound(darkroom);
    });
  }
});
