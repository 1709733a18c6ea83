import { describe, expect, it } from '@jest/globals';
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
    expect(jobs.map((job) => job.id_task)).toEqual(ids);
    for (const [i, job] of jobs.entries()) {
      expect(job.outcome).toBe('done');
      expect(job.started_at_ms ?? 0).toBeGreaterThanOrEqual(jobs[i - 1]?.finished_at_ms ?? 0);
    }
    expect(sketch.state().max_in_flight).toBeGreaterThanOrEqual(2);
  });

  it('report their progress by task id: queued, active, completed', async () => {
    const first = draw({ ...endless, force_task_id: 'p-1' });
    await running('p-1');
    const second = draw({ force_task_id: 'p-2' });
    const waiting = await until(
      () => progressOf('p-2'),
      ({ queued }) => queued,
    );
    expect([waiting.active, waiting.completed, waiting.progress, waiting.textinfo]).toEqual([
      false,
      false,
      null,
      'In queue: 1/1',
    ]);
    expect(sketch.state().queued).toEqual(['p-2']);

    const early = await until(
      () => progressOf('p-1'),
      (seen) => (seen.progress ?? 0) > 0,
    );
    expect(early.active && !early.queued && !early.completed && early.eta !== null).toBe(true);
    const later = await until(
      () => progressOf('p-1'),
      (seen) => (seen.progress ?? 0) > (early.progress ?? 1),
    );
    expect(later.live_preview).toBe(null);

    sketch.interrupt();
    await Promise.all([first, second]);
    const done = await progressOf('p-2');
    expect([done.active, done.queued, done.completed]).toEqual([false, false, true]);
    const unknown = await progressOf('never-seen');
    expect([unknown.active, unknown.queued, unknown.completed, unknown.textinfo]).toEqual([
      false,
      false,
      false,
      'Waiting...',
    ]);
  });

  it('count their steps in the global progress', async () => {
    expect((await progress()).progress).toBe(0);
    const answer = draw({ ...endless, n_iter: 2, force_task_id: 'steps' });
    const seen = await until(
      progress,
      ({ state }) => state.job_count === 2 && state.sampling_step >= 3,
    );
    expect(seen.state.sampling_steps).toBe(1000);
    expect(seen.state.job).toBe('scripts_txt2img');
    expect([seen.state.job_no, seen.state.job_count]).toEqual([0, 2]);
    expect(seen.state.job_timestamp).toMatch(/^\d{14}$/);
    expect(Math.abs(seen.progress - (0.01 + seen.state.sampling_step / 2000))).toBeLessThan(1e-9);
    expect(seen.eta_relative).toBeGreaterThan(0);
    expect(seen.current_image).toBe(null);
    sketch.interrupt();
    await answer;
    expect((await progress()).state.job_count).toEqual(0);
  });

  it('answer 200 with a half-denoised picture when they are interrupted', async () => {
    const [finished] = (await draw({ seed: 5 })).images;
    const answer = txt2img({ ...endless, seed: 5, force_task_id: 'stopped' });
    await running('stopped');
    expect(await jsonOf(await post('/sdapi/v1/interrupt'))).toEqual({});
    const response = await answer;
    expect(response.status).toBe(200);
    const { images } = await jsonOf<{ images: string[] }>(response);
    expect(bytesOf(images[0])).not.toEqual(bytesOf(finished));
    expect(sketch.state().jobs.at(-1)?.outcome).toBe('interrupted');
    expect((await progress()).state.interrupted).toBe(true);
  });

  it('start afresh: an interrupt sent between two jobs is lost', async () => {
    await post('/sdapi/v1/interrupt');
    await draw({ force_task_id: 'after' });
    expect(sketch.state().jobs.at(-1)?.outcome).toBe('done');
  });

  it('stop at an interrupt and skip the later rounds', async () => {
    const answer = draw({ ...endless, n_iter: 3, batch_size: 2, force_task_id: 'rounds' });
    await running('rounds');
    sketch.interrupt();
    expect((await answer).images.length).toBe(2);
  });

  it('continue when their client hangs up', async () => {
    const hangUp = new AbortController();
    const request = fetch(`${url()}/sdapi/v1/txt2img`, {
      method: 'POST',
      body: JSON.stringify({ steps: 20, width: 64, height: 64, force_task_id: 'orphan' }),
      signal: hangUp.signal,
    });
    await running('orphan');
    hangUp.abort();
    await expect(request).rejects.toMatchObject({ name: 'AbortError' });
    const done = await until(
      () => progressOf('orphan'),
      ({ completed }) => completed,
    );
    expect(done.active).toBe(false);
    expect(sketch.state().jobs.at(-1)?.outcome).toBe('done');
  });

  it('get an id of their own when none is given', async () => {
    await draw();
    expect(sketch.state().jobs.at(-1)?.id_task ?? '').toMatch(/^task\(txt2img-[0-9A-F]{7}\)$/);
  });

  it('answer 422 to a progress question without a usable id', async () => {
    expect((await post('/internal/progress', { id_task: 5 })).status).toBe(422);
  });
});
