import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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

describe('what an earlier attempt left on the server', () => {
  it('is stopped before the next is even asked for', async (t) => {
    const { sketch, url } = await startSketch(t, { stepMs: 5 });
    let before: string | undefined;
    const front = await startFront(t, url, ({ path }) => {
      if (path === '/sdapi/v1/txt2img') before = jobOf(sketch, 'task(one-a1)')?.outcome;
      return false;
    });
    await abandon(url, () => becomesActive(sketch, 'task(one-a1)'));
    assert.equal((await draw(client(front.url), retry)).images.length, 1);
    assert.equal(before, 'interrupted');
    assert.deepEqual(
      sketch.state().jobs.map((job) => [job.id_task, job.outcome]),
      [
        ['task(one-a1)', 'interrupted'],
        ['task(one-a2)', 'done'],
      ],
    );
  });

  it('is awaited when its turn has not come', async (t) => {
    const { sketch, url, engine } = await startEngine(t, { stepMs: 5 });
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 100 });
    await becomesActive(sketch, 'task(stranger)');
    await abandon(url, () => becomesQueued(sketch, 'task(one-a1)'));
    await draw(engine, retry);
    assert.equal(await stranger, 200);
    assert.deepEqual(
      sketch.state().jobs.map(({ outcome }) => outcome),
      ['done', 'interrupted', 'done'],
    );
  });

  it('is stopped even when the next attempt would not wait for it', async (t) => {
    const { sketch, url, engine } = await startEngine(t, { stepMs: 5 }, { orphanMs: 0 });
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 100 });
    await becomesActive(sketch, 'task(stranger)');
    await abandon(url, () => becomesQueued(sketch, 'task(one-a1)'));
    await draw(engine, retry);
    await stranger;
    assert.equal(jobOf(sketch, 'task(one-a1)')?.outcome, 'interrupted');
  });

  it('is not awaited when it failed and only looks alive', async (t) => {
    const { sketch, url } = await startSketch(t);
    const front = await startFront(t, url);
    const engine = client(front.url);
    sketch.misbehave({ kind: 'oom_then_frozen_progress' });
    assert.equal((await errorOf(draw(engine))).kind, 'out_of_memory');
    assert.equal((await draw(engine, retry)).images.length, 1);
    assert.equal(front.seenAt('/sdapi/v1/interrupt').length, 0);
  });

  it('is nothing when it ended', async (t) => {
    const { sketch, url } = await startSketch(t);
    const front = await startFront(t, url);
    const engine = client(front.url);
    await draw(engine);
    await draw(engine, retry);
    assert.equal(front.seenAt('/sdapi/v1/interrupt').length, 0);
    assert.equal(sketch.state().requests, 2);
  });

  it('does not hold up a server that cannot tell', async (t) => {
    const { draw } = await startEngine(t, { nowebui: true });
    assert.equal((await draw(retry)).images.length, 1);
  });
});

describe('a call that gives up', () => {
  it('stops its job', async (t) => {
    const { sketch, draw } = await startEngine(t, { stepMs: 5 }, { totalMs: 300 });
    const request = { steps: 1000 };
    assert.equal((await errorOf(draw({ request }))).kind, 'timeout');
    assert.equal(await ends(sketch, 'task(one-a1)'), 'interrupted');
  });

  it('stops its job when the connection broke', async (t) => {
    const { sketch, url } = await startSketch(t, { stepMs: 5 });
    const front = await startFront(t, url, async ({ path, body }, response) => {
      if (path !== '/sdapi/v1/txt2img') return false;
      void abandon(url, () => becomesActive(sketch, 'task(one-a1)'));
      assert.match(body, /task\(one-a1\)/);
      await becomesActive(sketch, 'task(one-a1)');
      response.destroy();
      return true;
    });
    assert.equal((await errorOf(draw(client(front.url)))).kind, 'unknown_outcome');
    assert.equal(await ends(sketch, 'task(one-a1)'), 'interrupted');
  });
});
