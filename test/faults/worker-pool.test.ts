import { expect, it } from '@jest/globals';
import { atTestEnd } from '../support/at-test-end.js';
import { startDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { endProcess, startProcess } from '../support/processes.js';
import { assertSound } from '../support/soundness.js';

it('a worker with a process pool survives kill -9 of a child, and logs it; SIGTERM lets tasks end', async () => {
  const darkroom = await startDarkroom('postgres', { workers: false, sketch: { stepMs: 100 } });
  const worker = startProcess('src/worker.js', ['--pool', 'processes', '--concurrency', '1'], {
    DATABASE_URL: darkroom.stores.databaseUrl,
    DARKROOM_DATA_DIR: darkroom.settings.dataDir,
    SD_API_URLS: darkroom.settings.engineUrls[0],
    RECONCILE_SECONDS: '1',
  });
  const processes = [worker];
  atTestEnd(async () => {
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
  await worker.says(ready);
  const pid = Number(ready.exec(worker.output())?.[2]);
  expect(pid).not.toBe(worker.child.pid);
  process.kill(pid, 'SIGKILL');
  await worker.says(`Child ${pid} died (SIGKILL) while running task ${first}`);
  const status = await darkroom.finished(first);
  expect([status.status, status.attempt]).toEqual(['SUCCESS', 2]);

  const second = await darkroom.generate({ prompt: 'y', ...size });
  await eventually('it draws again', () => darkroom.sketch.state().active !== null);
  worker.kill('SIGTERM');
  expect(await worker.ended()).toBe(0);
  const last = await darkroom.status(second);
  expect([last.status, last.attempt]).toEqual(['SUCCESS', 1]);

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

it('a child that is started by hand says what to start instead', async () => {
  const child = startProcess('src/worker-child.js', [], {});
  expect(await child.ended()).toBe(1);
  expect(child.output()).toMatch(
    /^darkroom: This program is part of a worker\. Start a worker with:/m,
  );
});
