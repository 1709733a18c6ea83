import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess } from '../support/processes.js';
import { assertSound } from '../support/soundness.js';

it('a worker with a process pool survives kill -9 of a child, and says so; SIGTERM lets tasks end', async (t) => {
  const darkroom = await startDarkroom('postgres', { workers: false, sketch: { stepMs: 100 } });
  const worker = startProcess('src/worker.js', ['--pool', 'processes', '--concurrency', '1'], {
    DATABASE_URL: darkroom.stores.databaseUrl,
    DARKROOM_DATA_DIR: darkroom.settings.dataDir,
    SD_API_URLS: darkroom.settings.engineUrls[0],
    RECONCILE_SECONDS: '1',
  });
  const processes = [worker];
  t.after(async () => {
    for (const process of processes) await endProcess(process);
    await darkroom.close();
  });
  await worker.says('Tasks run in up to 3 child processes');
  const size = { width: 64, height: 64, steps: 20 };
  const first = await darkroom.generate({ prompt: 'x', ...size });
  await eventually('it draws', () => darkroom.sketch.state().active !== null);
  const ready = new RegExp(
    `\\[Darkroom (\\S+:${worker.child.pid})\\] (\\d+) .*Ready for tasks, as a child of \\1`,
  );
  const pid = Number(ready.exec(worker.output())?.[2]);
  assert.notEqual(pid, worker.child.pid);
  process.kill(pid, 'SIGKILL');
  await worker.says(`Child ${pid} died (SIGKILL) while running task ${first}`);
  const status = await darkroom.finished(first, 60_000);
  assert.deepEqual([status.status, status.attempt], ['SUCCESS', 2]);

  const second = await darkroom.generate({ prompt: 'y', ...size });
  await eventually('it draws again', () => darkroom.sketch.state().active !== null);
  worker.kill('SIGTERM');
  assert.equal(await worker.ended(), 0);
  const last = await darkroom.status(second);
  assert.deepEqual([last.status, last.attempt], ['SUCCESS', 1]);

  const uploader = startProcess('src/worker.js', ['--queues', 'normal_priority'], {
    DATABASE_URL: darkroom.stores.databaseUrl,
    DARKROOM_DATA_DIR: darkroom.settings.dataDir,
    SD_API_URLS: darkroom.settings.engineUrls[0],
    WORKER_MAX_TASKS_PER_CHILD: '10',
  });
  processes.push(uploader);
  await uploader.says('have no effect here');
  await eventually('the pictures are stored', async () => {
    return (await darkroom.database.query('SELECT FROM image_spool')).length === 0;
  });
  uploader.kill('SIGTERM');
  await uploader.ended();
  await assertSound(darkroom);
});

it('a child that somebody starts by hand says what to start instead', async () => {
  const child = startProcess('src/worker-child.js', [], {});
  assert.equal(await child.ended(), 1);
  assert.match(child.output(), /^darkroom: This program is a part of a worker\. Start one with:/m);
});
