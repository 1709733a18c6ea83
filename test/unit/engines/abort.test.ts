import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { eventually } from '../../support/eventually.js';
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

const long = { steps: 1000 };

describe('a call that is stopped', () => {
  it('stops its job on the server, and gives its slot back', async (t) => {
    const { sketch, engine } = await startEngine(t, { stepMs: 5 }, {}, 1);
    const stop = new AbortController();
    const call = errorOf(draw(engine, { jobId: 'task(a)', request: long, signal: stop.signal }));
    await becomesActive(sketch, 'task(a)');
    stop.abort(new Error('changed my mind'));
    assert.equal((await call).kind, 'aborted');
    assert.equal(await ends(sketch, 'task(a)'), 'interrupted');
    assert.equal((await draw(engine, { jobId: 'task(b)' })).images.length, 1);
    assert.equal(jobOf(sketch, 'task(b)')?.outcome, 'done');
  });

  it('leaves the job of another alone, and stops its own when its turn comes', async (t) => {
    const { sketch, url, engine } = await startEngine(t, { stepMs: 5 });
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 100 });
    await becomesActive(sketch, 'task(stranger)');
    const stop = new AbortController();
    const call = errorOf(draw(engine, { jobId: 'task(a)', request: long, signal: stop.signal }));
    await becomesQueued(sketch, 'task(a)');
    stop.abort();
    assert.equal((await call).kind, 'aborted');
    assert.equal(await stranger, 200);
    assert.equal(jobOf(sketch, 'task(stranger)')?.outcome, 'done');
    assert.equal(await ends(sketch, 'task(a)'), 'interrupted');
  });

  it('counts as in flight until the server has let its job go', async (t) => {
    const { sketch, url } = await startSketch(t, { stepMs: 5 });
    const front = await startFront(t, url, ({ body }) => {
      // By then the server must be rid of the first.
      if (body.includes('task(b)')) sawFirst ??= jobOf(sketch, 'task(a)')?.outcome;
      return false;
    });
    let sawFirst: string | undefined;
    const engine = client(front.url, {}, 1);
    // Longer than a stopped call waits: the call ends first, its slot stays taken.
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 400 });
    await becomesActive(sketch, 'task(stranger)');
    const stop = new AbortController();
    const call = errorOf(draw(engine, { jobId: 'task(a)', request: long, signal: stop.signal }));
    await becomesQueued(sketch, 'task(a)');
    stop.abort();
    await call;
    assert.equal(jobOf(sketch, 'task(a)')?.outcome, 'queued');
    await draw(engine, { jobId: 'task(b)' });
    assert.equal(await stranger, 200);
    assert.equal(sawFirst, 'interrupted');
  });

  it('while it waits for a slot never reaches the server', async (t) => {
    const { sketch, engine } = await startEngine(t, { stepMs: 5 }, {}, 1);
    const first = draw(engine, { jobId: 'task(a)', request: { steps: 100 } });
    await becomesActive(sketch, 'task(a)');
    const stop = new AbortController();
    const second = errorOf(draw(engine, { jobId: 'task(b)', signal: stop.signal }));
    stop.abort();
    assert.equal((await second).kind, 'aborted');
    await first;
    assert.equal(sketch.state().requests, 1);
  });

  it('before it began does not begin', async (t) => {
    const { sketch, draw } = await startEngine(t);
    assert.equal((await errorOf(draw({ signal: AbortSignal.abort() }))).kind, 'aborted');
    assert.equal(sketch.state().requests, 0);
  });

  it('without progress by id interrupts nothing', async (t) => {
    const { sketch, engine } = await startEngine(t, { stepMs: 5, nowebui: true });
    const stop = new AbortController();
    const request = { steps: 100 };
    const call = errorOf(draw(engine, { jobId: 'task(a)', request, signal: stop.signal }));
    await becomesActive(sketch, 'task(a)');
    stop.abort();
    assert.equal((await call).kind, 'aborted');
    assert.equal(await ends(sketch, 'task(a)'), 'done');
  });
});

describe('an interrupt', () => {
  it('that comes late and hits our next job spoils that picture, and we know', async (t) => {
    const { sketch, url } = await startSketch(t, { stepMs: 5 });
    const front = await startFront(t, url, async ({ path }) => {
      if (path === '/sdapi/v1/interrupt') await becomesActive(sketch, 'task(b)');
      return false;
    });
    const engine = client(front.url);
    const stop = new AbortController();
    const request = { steps: 200 };
    const first = errorOf(draw(engine, { jobId: 'task(a)', request, signal: stop.signal }));
    await becomesActive(sketch, 'task(a)');
    const second = errorOf(draw(engine, { jobId: 'task(b)', request: long }));
    await becomesQueued(sketch, 'task(b)');
    stop.abort();
    assert.equal((await first).kind, 'aborted');
    const error = await second;
    assert.deepEqual(
      [error.kind, jobOf(sketch, 'task(b)')?.outcome],
      ['bad_result', 'interrupted'],
    );
    assert.match(error.message, /interrupted by somebody else/);
  });

  it('by somebody else is noticed although another job already runs', async (t) => {
    const { sketch, url, engine } = await startEngine(t);
    sketch.misbehave({ kind: 'slow', stepMs: 500 });
    const call = errorOf(draw(engine, { jobId: 'task(a)', request: long }));
    await becomesActive(sketch, 'task(a)');
    const next = drawAsStranger(url, 'task(stranger)');
    await becomesQueued(sketch, 'task(stranger)');
    sketch.interrupt();
    assert.equal((await call).kind, 'bad_result');
    assert.equal(await next, 200);
  });

  it('of an earlier job does not spoil the picture of the next', async (t) => {
    const { sketch, draw } = await startEngine(t);
    sketch.misbehave({ kind: 'half_denoised' });
    await errorOf(draw({ jobId: 'task(a)' }));
    assert.equal((await draw({ jobId: 'task(b)' })).images.length, 1);
  });

  it('after the last step spoils nothing', async (t) => {
    const { sketch, url } = await startSketch(t);
    const front = await startFront(t, url, ({ path }) => {
      if (path.startsWith('/sdapi/v1/progress')) sketch.interrupt();
      return false;
    });
    // Asks nothing while it draws: the interrupt comes with the last look.
    const engine = client(front.url, { pollMs: 3_600_000 });
    assert.equal((await draw(engine)).images.length, 1);
    await eventually('the last look', () => front.seen.some(({ path }) => /progress/.test(path)));
  });
});
