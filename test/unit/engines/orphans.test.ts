import { describe, expect, it } from '@jest/globals';
import { startFront } from './front-server.js';
import {
  becomesActive,
  becomesQueued,
  client,
  draw,
  drawAsStranger,
  ends,
  errorOf,
  jobOf,
  startEngine,
  startSketch,
} from './support.js';

const retry = { jobId: 'task(one-a2)', earlierJobIds: ['task(one-a1)'] };

/** An attempt whose worker died: the request is gone, and the server draws on. */
async function abandon(url: string, begun: () => Promise<unknown>): Promise<void> {
  const died = new AbortController();
  const request = drawAsStranger(url, 'task(one-a1)', { steps: 1000, signal: died.signal });
  await begun();
  died.abort();
  await request.catch(() => undefined);
}

describe('a job that an earlier attempt left on the server', () => {
  it('is stopped before the next one is requested', async () => {
    const { sketch, url } = await startSketch({ stepMs: 5 });
    let before: string | undefined;
    const front = await startFront(url, ({ path }) => {
      if (path === '/sdapi/v1/txt2img') before = jobOf(sketch, 'task(one-a1)')?.outcome;
      return false;
    });
    await abandon(url, () => becomesActive(sketch, 'task(one-a1)'));
    expect((await draw(client(front.url), retry)).images.length).toBe(1);
    expect(before).toBe('interrupted');
    expect(sketch.state().jobs.map((job) => [job.id_task, job.outcome])).toEqual([
      ['task(one-a1)', 'interrupted'],
      ['task(one-a2)', 'done'],
    ]);
  });

  it('is awaited if its turn has not come', async () => {
    const { sketch, url, engine } = await startEngine({ stepMs: 5 });
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 100 });
    await becomesActive(sketch, 'task(stranger)');
    await abandon(url, () => becomesQueued(sketch, 'task(one-a1)'));
    await draw(engine, retry);
    expect(await stranger).toBe(200);
    expect(sketch.state().jobs.map(({ outcome }) => outcome)).toEqual([
      'done',
      'interrupted',
      'done',
    ]);
  });

  it('is stopped even if the next attempt would not wait for it', async () => {
    const { sketch, url, engine } = await startEngine({ stepMs: 5 }, { orphanMs: 0 });
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 100 });
    await becomesActive(sketch, 'task(stranger)');
    await abandon(url, () => becomesQueued(sketch, 'task(one-a1)'));
    await draw(engine, retry);
    await stranger;
    expect(jobOf(sketch, 'task(one-a1)')?.outcome).toBe('interrupted');
  });

  it('is not awaited if it has failed and only looks alive', async () => {
    const { sketch, url } = await startSketch();
    const front = await startFront(url);
    const engine = client(front.url);
    sketch.misbehave({ kind: 'oom_then_frozen_progress' });
    expect((await errorOf(draw(engine))).kind).toBe('out_of_memory');
    expect((await draw(engine, retry)).images.length).toBe(1);
    expect(front.seenAt('/sdapi/v1/interrupt').length).toBe(0);
  });

  it('is ignored if it has ended', async () => {
    const { sketch, url } = await startSketch();
    const front = await startFront(url);
    const engine = client(front.url);
    await draw(engine);
    await draw(engine, retry);
    expect(front.seenAt('/sdapi/v1/interrupt').length).toBe(0);
    expect(sketch.state().requests).toBe(2);
  });

  it('does not hold up a server that cannot report jobs', async () => {
    const { draw } = await startEngine({ nowebui: true });
    expect((await draw(retry)).images.length).toBe(1);
  });
});

describe('a call that gives up', () => {
  it('stops its job', async () => {
    const { sketch, draw } = await startEngine({ stepMs: 5 }, { totalMs: 300 });
    const request = { steps: 1000 };
    expect((await errorOf(draw({ request }))).kind).toBe('timeout');
    expect(await ends(sketch, 'task(one-a1)')).toBe('interrupted');
  });

  it('stops its job if the connection broke', async () => {
    const { sketch, url } = await startSketch({ stepMs: 5 });
    const front = await startFront(url, async ({ path, body }, response) => {
      if (path !== '/sdapi/v1/txt2img') return false;
      void abandon(url, () => becomesActive(sketch, 'task(one-a1)'));
      expect(body).toMatch(/task\(one-a1\)/);
      await becomesActive(sketch, 'task(one-a1)');
      response.destroy();
      return true;
    });
    expect((await errorOf(draw(client(front.url)))).kind).toBe('unknown_outcome');
    expect(await ends(sketch, 'task(one-a1)')).toBe('interrupted');
  });
});
