import { describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
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
  about(`too few to tell: ${fractions.join()}`, () =>
    expect(new Set(fractions).size).toBeGreaterThan(3),
  );
  expect(fractions).toEqual(fractions.toSorted((a, b) => a - b));
}

describe('progress', () => {
  it('is what the server reports, and moves forward', async () => {
    const { draw } = await startEngine({ stepMs: 40 });
    const reports: EngineProgress[] = [];
    await draw({ request: { steps }, onProgress: (report) => reports.push(report) });
    assertForward(reports);
    for (const { fraction, queued } of reports) {
      expect(Math.abs(fraction * steps - Math.round(fraction * steps))).toBeLessThan(1e-9);
      expect(queued).toBe(false);
    }
    const told = reports.filter((report) => report.step !== null);
    expect(told.length > 0 && told.every((report) => report.steps === steps)).toBe(true);
    expect(told.every((report) => Number.isInteger(report.step) && report.step! <= steps)).toBe(
      true,
    );
    expect(reports.some(({ etaSeconds }) => etaSeconds !== null && etaSeconds > 0)).toBe(true);
  });

  it('does not move back while the answer arrives', async () => {
    const { sketch, draw } = await startEngine({ stepMs: 40 });
    sketch.misbehave({ kind: 'drip', bytesPerSecond: 50_000 });
    const reports: EngineProgress[] = [];
    await draw({ request: { steps }, onProgress: (report) => reports.push(report) });
    assertForward(reports);
  });

  it('says that a job waits for its turn', async () => {
    const { sketch, url, engine } = await startEngine({ stepMs: 10 });
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 50 });
    await becomesActive(sketch, 'task(stranger)');
    const reports: EngineProgress[] = [];
    await draw(engine, { request: { steps }, onProgress: (report) => reports.push(report) });
    await stranger;
    expect(reports[0]?.queued).toBe(true);
    expect(reports.at(-1)?.queued).toBe(false);
    expect(reports.every(({ queued, fraction }) => !queued || fraction === 0)).toBe(true);
    assertForward(reports);
  });

  it('does not move back, whatever the server reports', async () => {
    const { sketch, url } = await startSketch();
    const says = [0.25, 0.5, 0.3, 0.75];
    const front = await startFront(url, ({ path }, response) => {
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
    expect([...fractions].filter(Boolean)).toEqual([0.25, 0.5, 0.75]);
  });

  it('ends with the call', async () => {
    const { sketch, url } = await startSketch({ stepMs: 5 });
    const front = await startFront(url);
    const engine = client(front.url);
    await draw(engine, { request: { steps } });
    const asked = front.seenAt('/internal/progress').length;
    expect(asked).toBeGreaterThan(0);
    await drawAsStranger(url, 'task(stranger)', { steps });
    expect(sketch.state().in_flight).toBe(0);
    expect(front.seenAt('/internal/progress').length).toBeLessThanOrEqual(asked + 1);
  });
});

describe('progress without ids (--nowebui)', () => {
  const nowebui = { stepMs: 10, nowebui: true };

  it('is the global progress while only one of our requests runs', async () => {
    const { engine } = await startEngine(nowebui);
    const { taskProgress, globalProgress, interrupt } = await engine.probe();
    expect([taskProgress, globalProgress, interrupt]).toEqual([false, true, true]);
    const reports: EngineProgress[] = [];
    await draw(engine, { request: { steps }, onProgress: (report) => reports.push(report) });
    assertForward(reports);
    expect(reports.some((report) => report.steps === steps)).toBe(true);
  });

  it('is not guessed while two requests run', async () => {
    const { sketch, engine } = await startEngine(nowebui);
    const long = draw(engine, { jobId: 'task(a)', request: { steps: 100 } });
    await becomesActive(sketch, 'task(a)');
    const reports: [string | null, EngineProgress][] = [];
    const second = draw(engine, {
      jobId: 'task(b)',
      request: { steps },
      onProgress: (report) => reports.push([sketch.state().active, report]),
    });
    await Promise.all([long, second]);
    expect(reports.length).toBeGreaterThan(0);
    expect(reports.every(([active]) => active !== 'task(a)')).toBe(true);
  });
});

describe('the idle deadline', () => {
  it('ends a call whose job stands still', async () => {
    const { sketch, draw } = await startEngine({}, { idleMs: 100 });
    sketch.misbehave({ kind: 'slow', stepMs: 3_600_000 });
    const error = await errorOf(draw());
    expect(error.kind).toBe('timeout');
    expect(error.message).toMatch(/makes no progress/);
  });

  it('stops the job if it moves again', async () => {
    const { sketch, draw } = await startEngine({}, { idleMs: 100 });
    sketch.misbehave({ kind: 'slow', stepMs: 1_000 });
    expect((await errorOf(draw())).kind).toBe('timeout');
    expect(await ends(sketch, 'task(one-a1)')).toBe('interrupted');
  });

  it('ends a call whose failure got lost, even if the job looks alive', async () => {
    const { sketch, url } = await startSketch();
    const front = await startFront(url, async ({ path, body }) => {
      if (path !== '/sdapi/v1/txt2img') return false;
      await fetch(url + path, { method: 'POST', body });
      return true;
    });
    sketch.misbehave({ kind: 'oom_then_frozen_progress' });
    expect((await errorOf(draw(client(front.url, { idleMs: 100 })))).kind).toBe('timeout');
    expect(front.seenAt('/sdapi/v1/interrupt').length).toBe(0);
  });

  it('ends a call whose answer got lost', async () => {
    const { sketch, url } = await startSketch();
    const front = await startFront(url, async ({ path, body }) => {
      if (path === '/internal/progress' && body.includes('one')) await ends(sketch, 'task(one-a1)');
      if (path !== '/sdapi/v1/txt2img') return false;
      await fetch(url + path, { method: 'POST', body });
      return true;
    });
    expect((await errorOf(draw(client(front.url, { idleMs: 100 })))).kind).toBe('timeout');
  });

  it('does not end a call whose answer is still arriving', async () => {
    const { sketch, draw } = await startEngine({}, { idleMs: 2_000 });
    sketch.misbehave({ kind: 'drip', bytesPerSecond: 8_000 });
    expect((await draw()).images.length).toBe(1);
  });

  it('ends a call whose server reported the job and then fell silent', async () => {
    const { sketch, url } = await startSketch({ stepMs: 5 });
    let told = 0;
    const front = await startFront(url, ({ path }) => {
      const silent = /progress/.test(path) && told >= 4;
      if (/progress/.test(path)) told++;
      return silent;
    });
    const engine = client(front.url, { idleMs: 100, askMs: 50, totalMs: 600_000 });
    const call = errorOf(draw(engine, { request: { steps: 1000 } }));
    await becomesActive(sketch, 'task(one-a1)');
    expect((await call).kind).toBe('timeout');
  });

  for (const nowebui of [false, true]) {
    it(`ends both calls when the server freezes${nowebui ? ' and reports no job ids' : ''}`, async () => {
      const { sketch, url } = await startSketch({ nowebui, stepMs: 3_600_000 });
      let frozen = false;
      let seen = 0;
      const front = await startFront(url, () => {
        seen++;
        return frozen;
      });
      const engine = client(front.url, { idleMs: 3_000, askMs: 50, totalMs: 600_000 });
      const calls = ['task(a)', 'task(b)'].map((jobId) => errorOf(draw(engine, { jobId })));
      const over = Promise.race(calls);
      await Promise.race([over, becomesQueued(sketch, 'task(b)')]);
      const before = seen;
      await Promise.race([over, eventually('it told of its jobs', () => seen > before + 20)]);
      frozen = true;
      for (const { kind } of await Promise.all(calls)) expect(kind).toBe('timeout');
    });
  }

  it('ends both calls when the server answered before but is silent from their start', async () => {
    const { url } = await startSketch({ stepMs: 10 });
    let frozen = false;
    const front = await startFront(url, () => frozen);
    const engine = client(front.url, { idleMs: 2_000, askMs: 50, totalMs: 600_000 });
    await draw(engine, { request: { steps } });
    frozen = true;
    const calls = ['task(a)', 'task(b)'].map((jobId) => errorOf(draw(engine, { jobId })));
    for (const { kind } of await Promise.all(calls)) expect(kind).toBe('timeout');
  });

  it('ends neither of two calls while one is drawn and the server reports no job ids', async () => {
    const { engine } = await startEngine({ nowebui: true, stepMs: 60 }, { idleMs: 2_000 });
    const calls = ['task(a)', 'task(b)'].map((jobId) =>
      draw(engine, { jobId, request: { steps } }),
    );
    for (const { images } of await Promise.all(calls)) expect(images.length).toBe(1);
  });

  it('does not count the time in the queue', async () => {
    const { sketch, url, engine } = await startEngine({ stepMs: 20 }, { idleMs: 2_000 });
    const stranger = drawAsStranger(url, 'task(stranger)', { steps: 150 });
    await becomesActive(sketch, 'task(stranger)');
    const call = draw(engine, { request: { steps } });
    await becomesQueued(sketch, 'task(one-a1)');
    expect((await call).images.length).toBe(1);
    expect(await stranger).toBe(200);
  });

  it('does not apply to a server that reports nothing', async () => {
    const { url } = await startSketch({ stepMs: 10 });
    let asked = 0;
    const front = await startFront(url, ({ path }, response) => {
      if (!/progress/.test(path)) return false;
      asked++;
      response.writeHead(404).end('{"detail":"Not Found"}');
      return true;
    });
    const engine = client(front.url, { idleMs: 300 });
    expect((await draw(engine, { request: { steps } })).images.length).toBe(1);
    await draw(engine, { request: { steps } });
    expect(asked).toBe(2);
  });
});

it('a server whose gateway answered 404 for a while is asked for progress again', async () => {
  const { url } = await startSketch({ stepMs: 10 });
  let away = true;
  const front = await startFront(url, (_seen, response) => {
    if (away) response.writeHead(404).end();
    return away;
  });
  const engine = client(front.url);
  await errorOf(draw(engine, { earlierJobIds: ['task(before)'] }));
  expect((await errorOf(engine.ping())).kind).toBe('misconfigured');
  away = false;
  const { taskProgress, globalProgress } = await engine.probe();
  expect([taskProgress, globalProgress]).toEqual([true, true]);
});
