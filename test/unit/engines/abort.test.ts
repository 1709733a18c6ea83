import { describe, expect, it } from '@jest/globals';
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

describe('a stopped call', () => {
  it('stops its job on the server, and frees its slot', async () => {
    const { sketch, engine } = await startEngine({ stepMs: 5 }, {}, 1);
    const stop = new AbortController();
    const call = errorOf(draw(engine, { jobId: 'task(a)', request: long, signal: stop.signal }));
    await becomesActive(sketch, 'task(a)');
    stop.abort(new Error('changed my mind'));
    expect((await call).kind).toBe('aborted');
    expect(await ends(sketch, 'task(a)')).toBe('interrupted');
    expect((await draw(engine, { jobId: 'task(b)' })).images.length).toBe(1);
    expect(jobOf(sketch, 'task(b)')?.outcome).toBe('done');
  });

  it('leaves another job alone, and stops its own when its turn comes', async () => {
    const { sketch, url, engine } = await startEngine({ stepMs: 5 });
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 100 });
    await becomesActive(sketch, 'task(stranger)');
    const stop = new AbortController();
    const call = errorOf(draw(engine, { jobId: 'task(a)', request: long, signal: stop.signal }));
    await becomesQueued(sketch, 'task(a)');
    stop.abort();
    expect((await call).kind).toBe('aborted');
    expect(await stranger).toBe(200);
    expect(jobOf(sketch, 'task(stranger)')?.outcome).toBe('done');
    expect(await ends(sketch, 'task(a)')).toBe('interrupted');
  });

  it('counts as in flight until the server has let its job go', async () => {
    const { sketch, url } = await startSketch({ stepMs: 5 });
    const front = await startFront(url, ({ body }) => {
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
    expect(jobOf(sketch, 'task(a)')?.outcome).toBe('queued');
    await draw(engine, { jobId: 'task(b)' });
    expect(await stranger).toBe(200);
    expect(sawFirst).toBe('interrupted');
  });

  it('never reaches the server if it was waiting for a slot', async () => {
    const { sketch, engine } = await startEngine({ stepMs: 5 }, {}, 1);
    const first = draw(engine, { jobId: 'task(a)', request: { steps: 100 } });
    await becomesActive(sketch, 'task(a)');
    const stop = new AbortController();
    const second = errorOf(draw(engine, { jobId: 'task(b)', signal: stop.signal }));
    stop.abort();
    expect((await second).kind).toBe('aborted');
    await first;
    expect(sketch.state().requests).toBe(1);
  });

  it('does not begin if it was stopped before', async () => {
    const { sketch, draw } = await startEngine();
    expect((await errorOf(draw({ signal: AbortSignal.abort() }))).kind).toBe('aborted');
    expect(sketch.state().requests).toBe(0);
  });

  it('interrupts nothing if the server has no progress by id', async () => {
    const { sketch, engine } = await startEngine({ stepMs: 5, nowebui: true });
    const stop = new AbortController();
    const request = { steps: 100 };
    const call = errorOf(draw(engine, { jobId: 'task(a)', request, signal: stop.signal }));
    await becomesActive(sketch, 'task(a)');
    stop.abort();
    expect((await call).kind).toBe('aborted');
    expect(await ends(sketch, 'task(a)')).toBe('done');
  });
});

describe('an interrupt', () => {
  it('spoils the next picture when it comes late, and this is noticed', async () => {
    const { sketch, url } = await startSketch({ stepMs: 5 });
    const front = await startFront(url, async ({ path }) => {
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
    expect((await first).kind).toBe('aborted');
    const error = await second;
    expect([error.kind, jobOf(sketch, 'task(b)')?.outcome]).toEqual(['bad_result', 'interrupted']);
    expect(error.message).toMatch(/interrupted by another client/);
  });

  it('by somebody else is noticed even if another job is already running', async () => {
    const { sketch, url, engine } = await startEngine();
    sketch.misbehave({ kind: 'slow', stepMs: 500 });
    const call = errorOf(draw(engine, { jobId: 'task(a)', request: long }));
    await becomesActive(sketch, 'task(a)');
    const next = drawAsStranger(url, 'task(stranger)');
    await becomesQueued(sketch, 'task(stranger)');
    sketch.interrupt();
    expect((await call).kind).toBe('bad_result');
    expect(await next).toBe(200);
  });

  it('of an earlier job does not spoil the picture of the next', async () => {
    const { sketch, draw } = await startEngine();
    sketch.misbehave({ kind: 'half_denoised' });
    await errorOf(draw({ jobId: 'task(a)' }));
    expect((await draw({ jobId: 'task(b)' })).images.length).toBe(1);
  });

  it('after the last step spoils nothing', async () => {
    const { sketch, url } = await startSketch();
    const front = await startFront(url, ({ path }) => {
      if (path.startsWith('/sdapi/v1/progress')) sketch.interrupt();
      return false;
    });
    // Asks nothing while it draws: the interrupt comes with the last look.
    const engine = client(front.url, { pollMs: 3_600_000 });
    expect((await draw(engine)).images.length).toBe(1);
    await eventually('the last look', () => front.seen.some(({ path }) => /progress/.test(path)));
  });
});
