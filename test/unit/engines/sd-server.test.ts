import { describe, expect, it } from '@jest/globals';
import { about } from '../../support/about.js';
import { eventually } from '../../support/eventually.js';
import { startFront } from './front-server.js';
import {
  becomesActive,
  client,
  draw,
  ends,
  errorOf,
  jobOf,
  startEngine,
  startSketch,
  type Drawing,
} from './support.js';

const mode = 'sd-server';

describe('sd-server', () => {
  it('is recognised by its marks, and has its limits read or assumed', async () => {
    const { engine } = await startEngine({ mode, models: ['alpha', 'beta'] });
    const { models, samplers, ...can } = await engine.probe();
    expect(models?.map(({ name, hash }) => [name, hash])).toEqual([['alpha', null]]);
    expect(samplers?.some(({ name }) => name === 'euler_a')).toBeTruthy();
    expect({ ...can, schedulers: undefined }).toEqual({
      taskProgress: false,
      globalProgress: false,
      interrupt: false,
      schedulers: undefined,
      limits: {
        sideMultiple: 64,
        maxSteps: 100,
        maxSeed: 2 ** 31 - 1,
        maxSide: 4096,
        maxBatch: 8,
      },
    });
  });

  const cannot: [string, NonNullable<Drawing['request']>][] = [
    ['width', { width: 72 }],
    ['height', { height: 4160 }],
    ['steps', { steps: 101 }],
    ['seed', { seed: 2 ** 31 }],
    ['seed', { seed: 2 ** 31 - 1, batchSize: 2 }],
    ['batch_size', { batchSize: 9 }],
    ['model', { model: 'sketch-v2' }],
    ['sampler_name', { samplerName: 'no such' }],
    ['scheduler', { scheduler: 'no such' }],
  ];
  for (const [field, request] of cannot) {
    it(`is not sent a request that it would change: ${JSON.stringify(request)}`, async () => {
      const { draw, sketch } = await startEngine({ mode });
      const error = await errorOf(draw({ request }));
      expect(error.kind).toBe('mismatch');
      expect(error.message).toMatch(new RegExp(` ${field} `));
      expect(sketch.state().requests).toBe(0);
    });
  }

  const canDraw: NonNullable<Drawing['request']>[] = [
    { steps: 100, seed: 2 ** 31 - 1 },
    { seed: 2 ** 31 - 3, batchSize: 3, width: 128 },
    { model: 'sketch-v1' },
    { model: 'SKETCH-V1.safetensors' },
    { samplerName: 'Euler a', scheduler: 'Karras' },
    { samplerName: 'k_dpmpp_2m', scheduler: 'normal' },
    { samplerName: 'DPM++ 2M Karras' },
    { samplerName: 'DDIM' },
    { samplerName: 'default', scheduler: 'Automatic' },
  ];
  for (const request of canDraw) {
    it(`draws ${JSON.stringify(request)}`, async () => {
      const { draw } = await startEngine({ mode });
      expect((await draw({ request })).images.length).toBe(request.batchSize ?? 1);
    });
  }

  /** Its routes hidden, nothing is known of it before it has drawn. */
  async function unknownServer() {
    const { sketch, url } = await startSketch({ mode });
    const front = await startFront(url, ({ path }, response) => {
      if (path === '/sdapi/v1/txt2img') return false;
      response.writeHead(404).end();
      return true;
    });
    return { sketch, engine: client(front.url) };
  }

  const changed: [string, NonNullable<Drawing['request']>, RegExp][] = [
    ['sides', { width: 72 }, /another size: a picture of 128×64 instead of 72×64/],
    ['steps', { steps: 150 }, /steps 100 instead of 150/],
    ['a seed', { seed: 2 ** 31 }, /another seed/],
    ['a model', { model: 'sketch-v2' }, /another model/],
    ['a sampler', { samplerName: 'no such' }, /another sampler/],
    ['a scheduler', { scheduler: 'no such' }, /another scheduler/],
    [
      'what a prompt commands',
      {
        steps: 2,
        prompt: '<sd_cpp_extra_args>{"sample_params":{"sample_steps":40}}</sd_cpp_extra_args>a',
      },
      /steps 40 instead of 2/,
    ],
  ];
  for (const [what, request, message] of changed) {
    it(`is found out after one drawing if it was not recognised: ${what}`, async () => {
      const { sketch, engine } = await unknownServer();
      const error = await errorOf(draw(engine, { request }));
      expect(error.kind).toBe('mismatch');
      expect(error.message).toMatch(message);
      expect(sketch.state().requests).toBe(1);
    });
  }

  it('is asked for progress once, and then only now and then whether it is alive', async () => {
    const { url } = await startSketch({ mode, stepMs: 10 });
    const front = await startFront(url);
    // How often that is follows from idleMs: with a second, a slow machine would ask more than 20 times.
    const engine = client(front.url, { idleMs: 20_000, pollMs: 5 });
    for (const jobId of ['task(a)', 'task(b)'])
      await draw(engine, { jobId, request: { steps: 50 } });
    const asked = front.seen.filter(({ path }) => /progress/.test(path));
    expect(asked.length).toBe(2);
    expect(front.seenAt('/sdapi/v1/sd-models').length).toBeLessThan(20);
    about(`${front.sockets()} connections`, () => expect(front.sockets()).toBeLessThan(8));
  });

  it('is noticed to be frozen with two requests in flight', async () => {
    const { sketch, url } = await startSketch({ mode, stepMs: 3_600_000 });
    let frozen = false;
    const front = await startFront(url, () => frozen);
    const engine = client(front.url, { idleMs: 3_000, askMs: 100, totalMs: 600_000 });
    const calls = ['task(a)', 'task(b)'].map((jobId) => errorOf(draw(engine, { jobId })));
    const over = Promise.race(calls);
    await Promise.race([over, becomesActive(sketch, 'task(a)')]);
    const asked = front.seen.length;
    await Promise.race([
      over,
      eventually('it was found alive', () => front.seen.length > asked + 2),
    ]);
    frozen = true;
    for (const { kind } of await Promise.all(calls)) expect(kind).toBe('timeout');
  });
});

describe('a job that nobody waits for, on a server that cannot stop jobs', () => {
  for (const why of ['aborted', 'timeout'] as const) {
    it(`keeps its slot until it is drawn (${why})`, async () => {
      const { sketch, url } = await startSketch({ mode });
      const totalMs = why === 'timeout' ? 1_000 : 600_000;
      const engine = client(url, { totalMs }, 1);
      const stop = new AbortController();
      sketch.misbehave({ kind: 'slow', stepMs: 150 });
      const request = { steps: 8 };
      const first = errorOf(draw(engine, { jobId: 'task(a)', request, signal: stop.signal }));
      await becomesActive(sketch, 'task(a)');
      if (why === 'aborted') stop.abort();
      expect((await first).kind).toBe(why);
      expect(jobOf(sketch, 'task(a)')?.outcome).toBe('running');
      await draw(engine, { jobId: 'task(b)', request: { steps: 1 } });
      const [a, b] = sketch.state().jobs;
      expect(a?.outcome).toBe('done');
      expect(b!.started_at_ms!).toBeGreaterThanOrEqual(a!.finished_at_ms!);
      expect(sketch.state().max_in_flight).toBe(1);
    });
  }

  it('does not pile up with other jobs', async () => {
    const { sketch, engine } = await startEngine({ mode, stepMs: 5 });
    const calls = Array.from({ length: 8 }, async (_, i) => {
      const stop = new AbortController();
      const jobId = `task(${i})`;
      const call = draw(engine, { jobId, request: { steps: 20 }, signal: stop.signal });
      await eventually(`${jobId} is sent`, () => jobOf(sketch, jobId) !== undefined);
      stop.abort();
      return errorOf(call);
    });
    for (const { kind } of await Promise.all(calls)) expect(kind).toBe('aborted');
    expect((await draw(engine, { jobId: 'task(last)' })).images.length).toBe(1);
    expect(sketch.state().max_in_flight).toBe(2);
  });

  it('keeps its slot after the connection broke, until the server has been unreachable', async () => {
    const { sketch, url } = await startSketch({ mode, stepMs: 50 });
    let broken = false;
    const front = await startFront(url, ({ path, body }, response) => {
      if (path !== '/sdapi/v1/txt2img' || broken) return false;
      broken = true;
      const passedOn = fetch(url + path, { method: 'POST', body });
      void passedOn.then((answer) => answer.text()).catch(() => undefined);
      void becomesActive(sketch, 'task(a)').then(() => response.destroy());
      return true;
    });
    const engine = client(front.url, {}, 1);
    const error = await errorOf(draw(engine, { jobId: 'task(a)', request: { steps: 100 } }));
    expect(error.kind).toBe('unknown_outcome');
    const stop = new AbortController();
    const next = draw(engine, { jobId: 'task(b)', signal: stop.signal });
    const looks = front.seenAt('/sdapi/v1/sd-models').length;
    await eventually('it is looked after', () => {
      return front.seenAt('/sdapi/v1/sd-models').length > looks + 2;
    });
    expect(jobOf(sketch, 'task(b)')).toBe(undefined);
    stop.abort();
    expect((await errorOf(next)).kind).toBe('aborted');
  });

  it('is gone when the server is unreachable', async () => {
    const { sketch, engine } = await startEngine({ mode }, {}, 1);
    sketch.misbehave({ kind: 'restart', ms: 500 });
    expect((await errorOf(draw(engine, { jobId: 'task(a)' }))).kind).toBe('unknown_outcome');
    await eventually('it draws again', () =>
      draw(engine, { jobId: 'task(b)' }).then(
        () => true,
        () => false,
      ),
    );
    expect(await ends(sketch, 'task(b)')).toBe('done');
  });
});

describe('polls', () => {
  it('go over connections that stay open', async () => {
    const { url } = await startSketch({ stepMs: 10 });
    const front = await startFront(url);
    await draw(client(front.url), { request: { steps: 40 } });
    expect(front.seenAt('/internal/progress').length).toBeGreaterThan(5);
    about(`${front.sockets()} connections`, () => expect(front.sockets()).toBeLessThanOrEqual(3));
  });
});
