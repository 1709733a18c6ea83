import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesOf, jsonOf, sketchForTests, until } from './support.js';

/** Long enough to be seen running; ended by an interrupt, never by its steps. */
const endless = { steps: 1000 };

describe('jobs', () => {
  const { sketch, draw, txt2img, post, progress, progressOf, url } = sketchForTests({ stepMs: 5 });
  const running = (id: string) =>
    until(
      () => sketch.state(),
      (state) => state.active === id,
    );

  it('run one at a time, first in first out', async () => {
    const ids = ['fifo-1', 'fifo-2', 'fifo-3'];
    const answers = [draw({ force_task_id: 'fifo-1' })];
    await until(
      () => sketch.state().requests,
      (requests) => requests >= 1,
    );
    for (const id of ids.slice(1)) {
      answers.push(draw({ force_task_id: id }));
      await until(
        () => sketch.state().jobs,
        (jobs) => jobs.some((job) => job.id_task === id),
      );
    }
    await Promise.all(answers);
    const jobs = sketch.state().jobs.filter((job) => ids.includes(job.id_task));
    assert.deepEqual(
      jobs.map((job) => job.id_task),
      ids,
    );
    for (const [i, job] of jobs.entries()) {
      assert.equal(job.outcome, 'done');
      assert.ok(
        (job.started_at_ms ?? 0) >= (jobs[i - 1]?.finished_at_ms ?? 0),
        'starts after the one before',
      );
    }
    assert.ok(sketch.state().max_in_flight >= 2);
  });

  it('tell their progress by task id: queued, active, completed', async () => {
    const first = draw({ ...endless, force_task_id: 'p-1' });
    await running('p-1');
    const second = draw({ force_task_id: 'p-2' });
    const waiting = await until(
      () => progressOf('p-2'),
      ({ queued }) => queued,
    );
    assert.deepEqual(
      [waiting.active, waiting.completed, waiting.progress, waiting.textinfo],
      [false, false, null, 'In queue: 1/1'],
    );
    assert.deepEqual(sketch.state().queued, ['p-2']);

    const early = await until(
      () => progressOf('p-1'),
      (seen) => (seen.progress ?? 0) > 0,
    );
    assert.ok(early.active && !early.queued && !early.completed && early.eta !== null);
    const later = await until(
      () => progressOf('p-1'),
      (seen) => (seen.progress ?? 0) > (early.progress ?? 1),
    );
    assert.equal(later.live_preview, null);

    sketch.interrupt();
    await Promise.all([first, second]);
    const done = await progressOf('p-2');
    assert.deepEqual([done.active, done.queued, done.completed], [false, false, true]);
    const unknown = await progressOf('never-seen');
    assert.deepEqual(
      [unknown.active, unknown.queued, unknown.completed, unknown.textinfo],
      [false, false, false, 'Waiting...'],
    );
  });

  it('count their steps in the global progress', async () => {
    assert.equal((await progress()).progress, 0);
    const answer = draw({ ...endless, n_iter: 2, force_task_id: 'steps' });
    const seen = await until(
      progress,
      ({ state }) => state.job_count === 2 && state.sampling_step >= 3,
    );
    assert.equal(seen.state.sampling_steps, 1000);
    assert.equal(seen.state.job, 'scripts_txt2img');
    assert.deepEqual([seen.state.job_no, seen.state.job_count], [0, 2]);
    assert.match(seen.state.job_timestamp, /^\d{14}$/);
    assert.ok(Math.abs(seen.progress - (0.01 + seen.state.sampling_step / 2000)) < 1e-9);
    assert.ok(seen.eta_relative > 0);
    assert.equal(seen.current_image, null);
    sketch.interrupt();
    await answer;
    assert.deepEqual((await progress()).state.job_count, 0);
  });

  it('that are interrupted answer 200 with a half-denoised picture', async () => {
    const [finished] = (await draw({ seed: 5 })).images;
    const answer = txt2img({ ...endless, seed: 5, force_task_id: 'stopped' });
    await running('stopped');
    assert.deepEqual(await jsonOf(await post('/sdapi/v1/interrupt')), {});
    const response = await answer;
    assert.equal(response.status, 200);
    const { images } = await jsonOf<{ images: string[] }>(response);
    assert.notDeepEqual(bytesOf(images[0]), bytesOf(finished));
    assert.equal(sketch.state().jobs.at(-1)?.outcome, 'interrupted');
    assert.equal((await progress()).state.interrupted, true);
  });

  it('begin afresh: an interrupt sent between two jobs is lost', async () => {
    await post('/sdapi/v1/interrupt');
    await draw({ force_task_id: 'after' });
    assert.equal(sketch.state().jobs.at(-1)?.outcome, 'done');
  });

  it('stop at an interrupt without the later rounds', async () => {
    const answer = draw({ ...endless, n_iter: 3, batch_size: 2, force_task_id: 'rounds' });
    await running('rounds');
    sketch.interrupt();
    assert.equal((await answer).images.length, 2);
  });

  it('go on when their client hangs up', async () => {
    const hangUp = new AbortController();
    const request = fetch(`${url()}/sdapi/v1/txt2img`, {
      method: 'POST',
      body: JSON.stringify({ steps: 20, width: 64, height: 64, force_task_id: 'orphan' }),
      signal: hangUp.signal,
    });
    await running('orphan');
    hangUp.abort();
    await assert.rejects(request, { name: 'AbortError' });
    const done = await until(
      () => progressOf('orphan'),
      ({ completed }) => completed,
    );
    assert.equal(done.active, false);
    assert.equal(sketch.state().jobs.at(-1)?.outcome, 'done');
  });

  it('without a task id get one of their own', async () => {
    await draw();
    assert.match(sketch.state().jobs.at(-1)?.id_task ?? '', /^task\(txt2img-[0-9A-F]{7}\)$/);
  });

  it('answer 422 to a progress question without a usable id', async () => {
    assert.equal((await post('/internal/progress', { id_task: 5 })).status, 422);
  });
});
