import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EngineProgress } from '../../../src/features/image-generation/engines/image-engine.js';
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
  startEngine,
  startSketch,
} from './support.js';

const steps = 40;

function assertForward(reports: EngineProgress[]): void {
  const fractions = reports.map(({ fraction }) => fraction);
  assert.ok(new Set(fractions).size > 3, `too few to tell: ${fractions.join()}`);
  assert.deepEqual(
    fractions,
    fractions.toSorted((a, b) => a - b),
  );
}

describe('progress', () => {
  it('is what the server says, and goes forward', async (t) => {
    const { draw } = await startEngine(t, { stepMs: 10 });
    const reports: EngineProgress[] = [];
    await draw({ request: { steps }, onProgress: (report) => reports.push(report) });
    assertForward(reports);
    for (const { fraction, queued } of reports) {
      assert.ok(Math.abs(fraction * steps - Math.round(fraction * steps)) < 1e-9);
      assert.equal(queued, false);
    }
    const told = reports.filter((report) => report.step !== null);
    assert.ok(told.length > 0 && told.every((report) => report.steps === steps));
    assert.ok(told.every((report) => Number.isInteger(report.step) && report.step! <= steps));
    assert.ok(reports.some(({ etaSeconds }) => etaSeconds !== null && etaSeconds > 0));
  });

  it('does not fall back while the answer comes in', async (t) => {
    const { sketch, draw } = await startEngine(t, { stepMs: 10 });
    sketch.misbehave({ kind: 'drip', bytesPerSecond: 50_000 });
    const reports: EngineProgress[] = [];
    await draw({ request: { steps }, onProgress: (report) => reports.push(report) });
    assertForward(reports);
  });

  it('says that a job waits for its turn', async (t) => {
    const { sketch, url, engine } = await startEngine(t, { stepMs: 10 });
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 50 });
    await becomesActive(sketch, 'task(stranger)');
    const reports: EngineProgress[] = [];
    await draw(engine, { request: { steps }, onProgress: (report) => reports.push(report) });
    await stranger;
    assert.equal(reports[0]?.queued, true);
    assert.equal(reports.at(-1)?.queued, false);
    assert.ok(reports.every(({ queued, fraction }) => !queued || fraction === 0));
    assertForward(reports);
  });

  it('does not go back, whatever the server says', async (t) => {
    const { sketch, url } = await startSketch(t);
    const says = [0.25, 0.5, 0.3, 0.75];
    const front = await startFront(t, url, ({ path }, response) => {
      if (path !== '/internal/progress' || sketch.state().active === null) return false;
      const status = {
        active: true,
        queued: false,
        completed: false,
        progress: says.shift() ?? 0.75,
      };
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(status));
      return true;
    });
    sketch.misbehave({ kind: 'slow', stepMs: 100 });
    const fractions = new Set<number>();
    await draw(client(front.url), { onProgress: ({ fraction }) => fractions.add(fraction) });
    assert.deepEqual([...fractions].filter(Boolean), [0.25, 0.5, 0.75]);
  });

  it('ends with the call', async (t) => {
    const { sketch, url } = await startSketch(t, { stepMs: 5 });
    const front = await startFront(t, url);
    const engine = client(front.url);
    await draw(engine, { request: { steps } });
    const asked = front.seenAt('/internal/progress').length;
    assert.ok(asked > 0);
    await drawAsStranger(url, 'task(stranger)', { steps });
    assert.equal(sketch.state().in_flight, 0);
    assert.ok(front.seenAt('/internal/progress').length <= asked + 1);
  });
});

describe('progress without ids (--nowebui)', () => {
  const nowebui = { stepMs: 10, nowebui: true };

  it('is the global one when only one of our requests is there', async (t) => {
    const { engine } = await startEngine(t, nowebui);
    assert.deepEqual(await engine.probe(), {
      taskProgress: false,
      globalProgress: true,
      interrupt: true,
      models: (await engine.probe()).models,
    });
    const reports: EngineProgress[] = [];
    await draw(engine, { request: { steps }, onProgress: (report) => reports.push(report) });
    assertForward(reports);
    assert.ok(reports.some((report) => report.steps === steps));
  });

  it('is not guessed when two are there', async (t) => {
    const { sketch, engine } = await startEngine(t, nowebui);
    const long = draw(engine, { jobId: 'task(a)', request: { steps: 100 } });
    await becomesActive(sketch, 'task(a)');
    const reports: [string | null, EngineProgress][] = [];
    const second = draw(engine, {
      jobId: 'task(b)',
      request: { steps },
      onProgress: (report) => reports.push([sketch.state().active, report]),
    });
    await Promise.all([long, second]);
    assert.ok(reports.length > 0);
    assert.ok(reports.every(([active]) => active !== 'task(a)'));
  });
});

describe('the idle deadline', () => {
  it('ends a call whose job stands still', async (t) => {
    const { sketch, draw } = await startEngine(t, {}, { idleMs: 100 });
    sketch.misbehave({ kind: 'slow', stepMs: 3_600_000 });
    const error = await errorOf(draw());
    assert.equal(error.kind, 'timeout');
    assert.match(error.message, /stands still/);
  });

  it('stops the job when it moves again', async (t) => {
    const { sketch, draw } = await startEngine(t, {}, { idleMs: 100 });
    sketch.misbehave({ kind: 'slow', stepMs: 1_000 });
    assert.equal((await errorOf(draw())).kind, 'timeout');
    assert.equal(await ends(sketch, 'task(one-a1)'), 'interrupted');
  });

  it('ends a call whose failure got lost, although the job looks alive', async (t) => {
    const { sketch, url } = await startSketch(t);
    const front = await startFront(t, url, async ({ path, body }) => {
      if (path !== '/sdapi/v1/txt2img') return false;
      await fetch(url + path, { method: 'POST', body });
      return true;
    });
    sketch.misbehave({ kind: 'oom_then_frozen_progress' });
    assert.equal((await errorOf(draw(client(front.url, { idleMs: 100 })))).kind, 'timeout');
    assert.equal(front.seenAt('/sdapi/v1/interrupt').length, 0);
  });

  it('ends a call whose answer got lost', async (t) => {
    const { sketch, url } = await startSketch(t);
    const front = await startFront(t, url, async ({ path, body }) => {
      if (path === '/internal/progress') await ends(sketch, 'task(one-a1)');
      if (path !== '/sdapi/v1/txt2img') return false;
      await fetch(url + path, { method: 'POST', body });
      return true;
    });
    assert.equal((await errorOf(draw(client(front.url, { idleMs: 100 })))).kind, 'timeout');
  });

  it('does not end a call whose answer still comes in', async (t) => {
    const { sketch, draw } = await startEngine(t, {}, { idleMs: 700 });
    sketch.misbehave({ kind: 'drip', bytesPerSecond: 20_000 });
    assert.equal((await draw()).images.length, 1);
  });

  it('ends a call whose server told of the job and then fell silent', async (t) => {
    const { sketch, url } = await startSketch(t, { stepMs: 5 });
    let told = 0;
    const front = await startFront(t, url, ({ path }) => {
      const silent = /progress/.test(path) && told >= 4;
      if (/progress/.test(path)) told++;
      return silent;
    });
    const engine = client(front.url, { idleMs: 100, askMs: 50, totalMs: 600_000 });
    const call = errorOf(draw(engine, { request: { steps: 1000 } }));
    await becomesActive(sketch, 'task(one-a1)');
    assert.equal((await call).kind, 'timeout');
  });

  for (const nowebui of [false, true]) {
    it(`ends both calls of a server that froze${nowebui ? ', without ids' : ''}`, async (t) => {
      const { sketch, url } = await startSketch(t, { nowebui, stepMs: 3_600_000 });
      let frozen = false;
      let seen = 0;
      const front = await startFront(t, url, () => {
        seen++;
        return frozen;
      });
      const engine = client(front.url, { idleMs: 100, askMs: 50, totalMs: 600_000 });
      const calls = ['task(a)', 'task(b)'].map((jobId) => errorOf(draw(engine, { jobId })));
      await becomesQueued(sketch, 'task(b)');
      const before = seen;
      await eventually('it told of its jobs', () => seen > before + 4);
      frozen = true;
      for (const { kind } of await Promise.all(calls)) assert.equal(kind, 'timeout');
    });
  }

  it('ends both calls of a server that is silent from their start, but has answered before', async (t) => {
    const { url } = await startSketch(t, { stepMs: 10 });
    let frozen = false;
    const front = await startFront(t, url, () => frozen);
    const engine = client(front.url, { idleMs: 100, askMs: 50, totalMs: 600_000 });
    await draw(engine, { request: { steps } });
    frozen = true;
    const calls = ['task(a)', 'task(b)'].map((jobId) => errorOf(draw(engine, { jobId })));
    for (const { kind } of await Promise.all(calls)) assert.equal(kind, 'timeout');
  });

  it('does not end two calls while one of them is drawn, without ids', async (t) => {
    const { engine } = await startEngine(t, { nowebui: true, stepMs: 20 }, { idleMs: 500 });
    const calls = ['task(a)', 'task(b)'].map((jobId) =>
      draw(engine, { jobId, request: { steps } }),
    );
    for (const { images } of await Promise.all(calls)) assert.equal(images.length, 1);
  });

  it('does not count the time in the queue', async (t) => {
    const { sketch, url, engine } = await startEngine(t, { stepMs: 10 }, { idleMs: 600 });
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 150 });
    await becomesActive(sketch, 'task(stranger)');
    const call = draw(engine, { request: { steps } });
    await becomesQueued(sketch, 'task(one-a1)');
    assert.equal((await call).images.length, 1);
    assert.equal(await stranger, 200);
  });

  it('does not touch a server that tells nothing', async (t) => {
    const { url } = await startSketch(t, { stepMs: 10 });
    let asked = 0;
    const front = await startFront(t, url, ({ path }, response) => {
      if (!/progress/.test(path)) return false;
      asked++;
      response.writeHead(404).end('{"detail":"Not Found"}');
      return true;
    });
    const call = draw(client(front.url, { idleMs: 1 }), { request: { steps } });
    await eventually('it was asked for progress', () => asked > 2);
    assert.equal((await call).images.length, 1);
  });
});
