import assert from 'node:assert/strict';
import { after, afterEach, before, it } from 'node:test';
import { TaskHints } from '../../src/tasks/task-hints.js';
import type { MisbehaviourInput } from '../../src/sketch/misbehaviour.js';
import { startDarkroom, type TestDarkroom } from '../support/darkroom.js';
import { eventually } from '../support/eventually.js';
import { onBothQueueEngines } from '../support/queue-engines.js';
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
  before(async () => {
    darkroom = await startDarkroom(engine);
  });
  afterEach(async () => {
    darkroom.sketch.clearMisbehaviours();
    await stored();
    await assertSound(darkroom);
  });
  after(() => darkroom.close());

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

  async function assertMadeWithoutRetry(id: string) {
    const over = await darkroom.finished(id);
    assert.equal(over.status, 'SUCCESS');
    const [row] = await darkroom.database.query('SELECT retries FROM tasks WHERE id = $1', [id]);
    assert.equal(row.retries, 0);
    return over;
  }

  for (const [kind, code] of passing) {
    it(`${kind}: says ${code}, tries again, makes the picture once`, async () => {
      darkroom.sketch.misbehave({ kind, ms: 100 });
      const id = await darkroom.generate(small);
      const status = await waiting(id);
      assert.deepEqual(status.error?.code, code);
      assert.equal(status.error?.retryable, true);
      await engineAnswers();
      await runNow(id);
      const over = await darkroom.finished(id);
      assert.equal(over.status, 'SUCCESS');
      assert.equal(over.attempt, 2);
    });
  }

  it('refused for good: FAILURE at the first attempt, with a reason', async () => {
    darkroom.sketch.misbehave({ kind: 'refuse_bad_field' });
    const over = await darkroom.finished(await darkroom.generate(small));
    assert.equal(over.status, 'FAILURE');
    assert.equal(over.attempt, 1);
    assert.equal(over.error?.code, 'engine_refused');
    assert.equal(over.error?.retryable, false);
  });

  it('an unknown model is refused, not silently replaced', async () => {
    const id = await darkroom.generate({ ...small, model: 'no-such-model' });
    const over = await darkroom.finished(id);
    assert.equal(over.status, 'FAILURE');
    assert.equal(over.attempt, 1);
    assert.equal(over.error?.code, 'engine_mismatch');
  });

  it('gone and back: the picture is made', async () => {
    const back = darkroom.sketch.restart(2_000);
    const ids = await Promise.all([1, 2, 3, 4, 5, 6].map(() => darkroom.generate(small)));
    // One failure that counted as a retry would be the last.
    await darkroom.database.query(`UPDATE tasks SET overrides = '{"retry": {"max": 0}}'`);
    await eventually('one says why it waits', async () => {
      const all = await Promise.all(ids.map((id) => darkroom.status(id)));
      return all.some((s) => s.status === 'PENDING' && s.error?.code === 'engine_unavailable');
    });
    await back;
    let attempts = 0;
    for (const id of ids) attempts += (await assertMadeWithoutRetry(id)).attempt;
    assert.ok(attempts <= ids.length + 4, `they waited unclaimed: ${attempts} attempts`);
  });

  for (const kind of ['status_502', 'status_503', 'status_504'] as const) {
    it(`${kind}: no retry is counted, and nobody need do anything`, async () => {
      darkroom.sketch.misbehave({ kind });
      await assertMadeWithoutRetry(await darkroom.generate(small));
    });
  }

  it('asked four times to slow down: no retry is counted', async () => {
    darkroom.sketch.misbehave({ kind: 'rate_limited', retryAfterSeconds: 1, times: 4 });
    const over = await assertMadeWithoutRetry(await darkroom.generate(small));
    assert.equal(over.attempt, 5);
  });

  it('a batch gives its pictures in order, each with its own seed', async () => {
    const over = await darkroom.finished(
      await darkroom.generate({ ...small, batch_size: 3, seed: 41 }),
    );
    const images = over.result!.images;
    assert.deepEqual(
      images.map(({ index, seed }) => [index, seed]),
      [
        [0, 41],
        [1, 42],
        [2, 43],
      ],
    );
    assert.equal(new Set(images.map((image) => image.sha256)).size, 3);
  });

  it('the same seed gives the same picture', async () => {
    const [a, b] = await Promise.all(
      [1, 2].map(async () => darkroom.finished(await darkroom.generate({ ...small, seed: 5 }))),
    );
    assert.equal(a!.result!.images[0]!.sha256, b!.result!.images[0]!.sha256);
  });

  it('shows honest progress while it draws', async () => {
    darkroom.sketch.misbehave({ kind: 'slow', stepMs: 150 });
    const id = await darkroom.generate({ ...small, steps: 20 });
    const seen = await eventually('progress', async () => {
      const { progress, status } = await darkroom.status(id);
      return status === 'STARTED' && progress.percent > 0 && progress.percent < 100 && progress;
    });
    assert.equal(seen.steps, 20);
    assert.ok(seen.step! > 0 && seen.step! <= 20);
    assert.ok(Math.abs(seen.percent / 5 - seen.step!) <= 2, JSON.stringify(seen));
    const over = await darkroom.finished(id);
    assert.equal(over.progress.percent, 100);
  });
});
