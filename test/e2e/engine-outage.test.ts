import { expect, it } from '@jest/globals';
import { EngineWatch } from '../../src/features/image-generation/engine-watch.js';
import { generateImageTask } from '../../src/features/image-generation/image-generation.tasks.js';
import { createSketch } from '../../src/sketch/sketch-server.js';
import { TaskGates } from '../../src/tasks/workers/task-gates.js';
import { about } from '../support/about.js';
import { atTestEnd } from '../support/at-test-end.js';
import { startDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { assertSound } from '../support/soundness.js';

it('the parent of a process pool learns of an engine that is gone, and begins nothing until it is back', async () => {
  const darkroom = await startDarkroom('postgres', {
    settings: { workerPool: 'processes', workerConcurrency: 2 },
  });
  atTestEnd(() => darkroom.close());
  const body = { prompt: 'a lighthouse', width: 64, height: 64, steps: 1 };
  const generate = () => darkroom.generate(body);
  // The parent does not look for itself: it can only be told by the snoozes of its children.
  darkroom.app.get(EngineWatch).stop();
  expect((await darkroom.finished(await generate())).status).toBe('SUCCESS');
  const port = Number(new URL(darkroom.settings.engineUrls[0]!).port);
  await darkroom.sketch.close();

  const first = [await generate(), await generate()];
  const gate = darkroom.app.get(TaskGates, { strict: false }).of(generateImageTask);
  await eventually('the gate is shut', () => gate.isShut);
  const second = [await generate(), await generate(), await generate()];
  await eventually('nothing runs', async () => {
    const running = await darkroom.database.query(
      'SELECT FROM tasks WHERE lease_until IS NOT NULL',
    );
    return running.length === 0;
  });
  for (const id of second) {
    const { status, attempt } = await darkroom.status(id);
    expect([status, attempt]).toEqual(['PENDING', 0]);
  }

  const again = createSketch({ port, stepMs: 0, modelSwitchMs: 0 });
  await again.listen();
  atTestEnd(() => again.close());
  for (const id of [...first, ...second]) {
    const { status, attempt } = await darkroom.finished(id);
    const most = second.includes(id) ? 1 : 4;
    about(`${id}: attempt ${attempt}`, () => {
      expect(status).toBe('SUCCESS');
      expect(attempt).toBeLessThanOrEqual(most);
    });
  }
  await eventually('all is stored', async () => {
    const open = await darkroom.database.query('SELECT FROM tasks WHERE finished_at IS NULL');
    return open.length === 0;
  });
  const counted = await darkroom.database.query(
    'SELECT FROM tasks WHERE retries > 0 OR crashes > 0',
  );
  expect(counted).toEqual([]);
  await assertSound(darkroom);
});
