import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { generateImageTask } from '../../src/features/image-generation/image-generation.tasks.js';
import { TaskClient } from '../../src/tasks/sending/task-client.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';

const small = { prompt: 'a place', width: 64, height: 64, steps: 8 };

onBothQueueEngines('a single slot at an engine that cannot stop a job', (engine) => {
  let darkroom: TestDarkroom;
  beforeEach(async () => {
    darkroom = await startDarkroom(engine, {
      sketch: { mode: 'sd-server' },
      settings: { engineRequestsInFlight: 1 },
    });
  });
  afterEach(() => darkroom.close());
  const tasks = () => darkroom.app.get(TaskClient, { strict: false });
  const drawn = () => darkroom.sketch.state().jobs;
  const drawing = () =>
    eventually('it is drawn', () => darkroom.sketch.state().active !== null && drawn().at(-1));

  it("a picture's soft limit counts from the moment it gets the slot, not from its turn in the queue", async () => {
    darkroom.sketch.misbehave({ kind: 'slow', stepMs: 1_500 });
    const first = await darkroom.generate(small);
    await drawing();
    const payload = { ...small, cfg_scale: 7, negative_prompt: '', seed: 1, batch_size: 1 };
    const [owner] = await darkroom.database.query('SELECT id FROM users LIMIT 1');
    const second = await tasks().send(darkroom.database.manager, generateImageTask, payload, {
      ownerId: owner.id,
      // Less than the first one takes.
      softTimeLimitMs: 8_000,
      hardTimeLimitMs: 10_000,
    });
    await eventually('the second waits for its place', async () => {
      return (await darkroom.status(second.id)).status === 'STARTED';
    });
    expect((await darkroom.finished(first)).status).toBe('SUCCESS');
    expect((await darkroom.finished(second.id)).status).toBe('SUCCESS');
  });

  it('revoked pictures do not pile up at the engine', async () => {
    for (let i = 0; i < 4; i++) {
      darkroom.sketch.misbehave({ kind: 'slow', stepMs: 100 });
      const id = await darkroom.generate(small);
      await eventually('it runs', async () => (await darkroom.status(id)).status === 'STARTED');
      await tasks().revoke(id);
      expect((await darkroom.finished(id)).status).toBe('REVOKED');
    }
    const last = await darkroom.generate(small);
    expect((await darkroom.finished(last)).status).toBe('SUCCESS');
    expect(darkroom.sketch.state().max_in_flight).toBe(1);
    expect(drawn().every(({ outcome }) => outcome === 'done')).toBe(true);
  });
});
