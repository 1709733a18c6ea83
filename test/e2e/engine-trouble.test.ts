import assert from 'node:assert/strict';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { about } from '../support/about.js';
import { TaskHints } from '../../src/tasks/hints/task-hints.js';
import { generateImageTask } from '../../src/features/image-generation/image-generation.tasks.js';
import { TaskClient } from '../../src/tasks/sending/task-client.js';
import type { MisbehaviourInput } from '../../src/sketch/misbehaviour.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/on-both-queue-engines.js';
import { assertSound } from '../support/soundness.js';

const small = { prompt: 'trouble', width: 64, height: 64, steps: 4 };

/** What goes wrong at the first attempt, and the code that the status shows until the next one. */
const passing: [MisbehaviourInput['kind'], string][] = [
  ['reset_before_headers', 'engine_connection_lost'],
  ['reset_mid_body', 'engine_connection_lost'],
  ['restart', 'engine_connection_lost'],
  ['oom_a1111', 'engine_out_of_memory'],
  ['unauthorized', 'engine_misconfigured'],
  ['wrong_size', 'engine_bad_result'],
  ['truncated_png', 'engine_bad_result'],
  ['empty_images', 'engine_bad_result'],
];

onBothQueueEngines('an engine in trouble', (engine) => {
  let darkroom: TestDarkroom;
  beforeAll(async () => {
    darkroom = await startDarkroom(engine);
  });
  afterEach(async () => {
    darkroom.sketch.clearMisbehaviours();
    await stored();
    await assertSound(darkroom);
  });
  afterAll(() => darkroom.close());

  const stored = () =>
    eventually('all pictures are stored', async () => {
      const left = await darkroom.database.query('SELECT FROM tasks WHERE finished_at IS NULL');
      return left.length === 0;
    });
  const waiting = (id: string) =>
    eventually('it waits for another attempt', async () => {
      const status = await darkroom.status(id);
      return status.status === 'RETRY' && status;
    });
  const engineAnswers = () =>
    eventually('the engine answers', () =>
      fetch(darkroom.settings.engineUrls[0]!).then(
        () => true,
        () => false,
      ),
    );
  async function runNow(id: string): Promise<void> {
    await darkroom.database.query('UPDATE tasks SET run_at = now() WHERE id = $1', [id]);
    const queue = darkroom.app.get(TaskHints, { strict: false }).of('high_priority');
    const job = await eventually('its hint waits', async () => {
      const found = await queue.getJob(id);
      return (await found?.isDelayed()) && found;
    });
    await job.promote();
  }

  function tellsNoAddress(status: unknown): void {
    const { hostname, port } = new URL(darkroom.settings.engineUrls[0]!);
    const text = JSON.stringify(status);
    assert.ok(!text.includes(hostname) && !text.includes(`:${port}`), text);
  }

  /** As from an API that does not know the engine. */
  async function sendUnchecked(request: Record<string, unknown>): Promise<string> {
    const { app, database } = darkroom;
    const payload = {
      ...small,
      cfg_scale: 7,
      negative_prompt: '',
      seed: 1,
      batch_size: 1,
      ...request,
    };
    const [owner] = await database.query('SELECT id FROM users LIMIT 1');
    const sent = await app
      .get(TaskClient, { strict: false })
      .send(database.manager, generateImageTask, payload, { ownerId: owner.id });
    return sent.id;
  }

  async function assertMadeWithoutRetry(id: string) {
    const over = await darkroom.finished(id);
    expect(over.status).toBe('SUCCESS');
    const [row] = await darkroom.database.query('SELECT retries FROM tasks WHERE id = $1', [id]);
    expect(row.retries).toBe(0);
    return over;
  }

  for (const [kind, code] of passing) {
    it(`${kind}: the task reports ${code}, is retried, and makes the picture once`, async () => {
      darkroom.sketch.misbehave({ kind, ms: 100 });
      const id = await darkroom.generate(small);
      const status = await waiting(id);
      expect(status.error?.code).toEqual(code);
      expect(status.error?.retryable).toBe(true);
      tellsNoAddress(status);
      await engineAnswers();
      await runNow(id);
      const over = await darkroom.finished(id);
      expect(over.status).toBe('SUCCESS');
      expect(over.attempt).toBe(2);
    });
  }

  it('a refused request is FAILURE at the first attempt, with a reason', async () => {
    darkroom.sketch.misbehave({ kind: 'refuse_bad_field' });
    const over = await darkroom.finished(await darkroom.generate(small));
    expect(over.status).toBe('FAILURE');
    expect(over.attempt).toBe(1);
    expect(over.error?.code).toBe('engine_refused');
    expect(over.error?.retryable).toBe(false);
    expect(over.error?.message).toMatch(/^No engine can make this picture: \w+/);
    tellsNoAddress(over);
  });

  it('an unknown model is refused, not silently replaced', async () => {
    const request = { ...small, model: 'no-such-model' };
    const id = await sendUnchecked(request);
    const drawn = darkroom.sketch.state().requests;
    const over = await darkroom.finished(id);
    expect(over.status).toBe('FAILURE');
    expect(over.attempt).toBe(1);
    expect(over.error?.code).toBe('engine_mismatch');
    expect(darkroom.sketch.state().requests).toBe(drawn);
    expect(over.error?.message).toMatch(/model is not known here; closest names: sketch-v/);
  });

  it('a picture is made when the engine is gone and comes back', async () => {
    const back = darkroom.sketch.restart(6_000);
    const ids = await Promise.all([1, 2, 3, 4, 5, 6].map(() => darkroom.generate(small)));
    // One failure that counted as a retry would be the last.
    await darkroom.database.query(`UPDATE tasks SET overrides = '{"retry": {"max": 0}}'`);
    await eventually('one says why it waits', async () => {
      const all = await Promise.all(ids.map((id) => darkroom.status(id)));
      all.forEach(tellsNoAddress);
      return all.some((s) => s.status === 'PENDING' && s.error?.code === 'engine_unavailable');
    });
    await back;
    let attempts = 0;
    for (const id of ids) attempts += (await assertMadeWithoutRetry(id)).attempt;
    about(`they waited unclaimed: ${attempts} attempts`, () =>
      expect(attempts).toBeLessThanOrEqual(ids.length + 4),
    );
  });

  for (const kind of ['status_502', 'status_503', 'status_504'] as const) {
    it(`${kind}: the picture is made without counting a retry, and nobody has to do anything`, async () => {
      darkroom.sketch.misbehave({ kind });
      await assertMadeWithoutRetry(await darkroom.generate(small));
    });
  }

  it('no retry is counted when the engine asks four times to slow down', async () => {
    darkroom.sketch.misbehave({ kind: 'rate_limited', retryAfterSeconds: 1, times: 4 });
    const over = await assertMadeWithoutRetry(await darkroom.generate(small));
    expect(over.attempt).toBe(5);
  });

  it('a batch gives its pictures in order, each with its own seed', async () => {
    const over = await darkroom.finished(
      await darkroom.generate({ ...small, batch_size: 3, seed: 41 }),
    );
    const images = over.result!.images;
    expect(images.map(({ index, seed }) => [index, seed])).toEqual([
      [0, 41],
      [1, 42],
      [2, 43],
    ]);
    expect(new Set(images.map((image) => image.sha256)).size).toBe(3);
  });

  it('the same seed gives the same picture', async () => {
    const [a, b] = await Promise.all(
      [1, 2].map(async () => darkroom.finished(await darkroom.generate({ ...small, seed: 5 }))),
    );
    expect(a!.result!.images[0]!.sha256).toBe(b!.result!.images[0]!.sha256);
  });

  it("the engine's own progress is shown while it draws", async () => {
    darkroom.sketch.misbehave({ kind: 'slow', stepMs: 150 });
    const id = await darkroom.generate({ ...small, steps: 20 });
    const seen = await eventually('progress', async () => {
      const { progress, status } = await darkroom.status(id);
      return status === 'STARTED' && progress.percent > 0 && progress.percent < 100 && progress;
    });
    expect(seen.steps).toBe(20);
    assert.ok(seen.step! > 0 && seen.step! <= 20);
    about(JSON.stringify(seen), () =>
      expect(Math.abs(seen.percent / 5 - seen.step!)).toBeLessThanOrEqual(2),
    );
    const over = await darkroom.finished(id);
    expect(over.progress.percent).toBe(100);
  });
});
