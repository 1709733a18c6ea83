import { describe, expect, it } from '@jest/globals';
import { createSketch } from '../../../src/sketch/sketch-server.js';
import { startFront } from './front-server.js';
import {
  becomesActive,
  becomesQueued,
  client,
  draw,
  errorOf,
  never,
  small,
  startEngine,
  startSketch,
} from './support.js';

describe('requests to one server', () => {
  for (const inFlight of [1, 2]) {
    it(`number at most ${inFlight} at once`, async () => {
      const { sketch, engine } = await startEngine({ stepMs: 2 }, {}, inFlight);
      const calls = Array.from({ length: 5 }, (_, i) => draw(engine, { jobId: `task(${i})` }));
      expect((await Promise.all(calls)).length).toBe(5);
      expect(sketch.state().requests).toBe(5);
      expect(sketch.state().max_in_flight).toBe(inFlight);
    });
  }

  it('fill the second slot while the first is drawn', async () => {
    const { sketch, engine } = await startEngine({ stepMs: 10 });
    const first = draw(engine, { jobId: 'task(a)', request: { steps: 50 } });
    await becomesActive(sketch, 'task(a)');
    const second = draw(engine, { jobId: 'task(b)' });
    await becomesQueued(sketch, 'task(b)');
    await Promise.all([first, second]);
  });

  it('go over one connection, one after the other', async () => {
    const { url } = await startSketch();
    const front = await startFront(url);
    const engine = client(front.url, { pollMs: never });
    for (let i = 0; i < 4; i++) await draw(engine, { jobId: `task(${i})` });
    expect(front.seenAt('/sdapi/v1/txt2img').length).toBe(4);
    expect(front.sockets()).toBe(1);
  });

  it('ask for a plain body', async () => {
    const { url } = await startSketch();
    const front = await startFront(url);
    await draw(client(front.url));
    expect(front.seen.every(({ headers }) => headers['accept-encoding'] === 'identity')).toBe(true);
  });

  it('contain only listed fields (security 14)', async () => {
    const { url } = await startSketch();
    const front = await startFront(url);
    const smuggled = {
      ...small,
      model: 'sketch-v1',
      samplerName: 'Euler',
      scheduler: 'karras',
      script_name: 'x/y/z plot',
      script_args: [],
      styles: ['mine'],
      save_images: true,
      override_settings: { outdir_samples: '/etc' },
      init_images: ['http://169.254.169.254/'],
    };
    await draw(client(front.url), { request: smuggled });
    expect(JSON.parse(front.seenAt('/sdapi/v1/txt2img')[0]?.body ?? '')).toEqual({
      prompt: small.prompt,
      negative_prompt: '',
      seed: 1,
      steps: 8,
      cfg_scale: 7,
      width: 64,
      height: 64,
      batch_size: 1,
      n_iter: 1,
      sampler_name: 'Euler',
      scheduler: 'karras',
      override_settings: { sd_model_checkpoint: 'sketch-v1' },
      override_settings_restore_afterwards: false,
      send_images: true,
      save_images: false,
      force_task_id: 'task(one-a1)',
    });
  });
});

describe('a server', () => {
  it('is unavailable when it does not exist', async () => {
    const gone = createSketch();
    const url = await gone.listen();
    await gone.close();
    expect((await errorOf(draw(client(url)))).kind).toBe('unavailable');
    expect((await errorOf(client(url).probe())).kind).toBe('unavailable');
  });

  it('is misconfigured when it redirects, and the redirect is not followed (security 26)', async () => {
    const { sketch, url } = await startSketch();
    const front = await startFront(url, ({ path }, response) => {
      if (path !== '/sdapi/v1/txt2img') return false;
      response.writeHead(307, { location: url + path }).end();
      return true;
    });
    expect((await errorOf(draw(client(front.url)))).kind).toBe('misconfigured');
    expect(sketch.state().requests).toBe(0);
  });

  it('is misconfigured when an https address has no TLS', async () => {
    const { url } = await startSketch();
    const error = await errorOf(draw(client(url.replace('http:', 'https:'))));
    expect(error.kind).toBe('misconfigured');
  });

  it("is unavailable when another program's page answers", async () => {
    const { url } = await startSketch();
    const front = await startFront(url, (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>');
      return true;
    });
    expect((await errorOf(client(front.url).probe())).kind).toBe('unavailable');
    expect((await errorOf(client(front.url).ping())).kind).toBe('unavailable');
  });

  it('is misconfigured when it is of another kind', async () => {
    const { url } = await startSketch();
    const front = await startFront(url, (_seen, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
      return true;
    });
    expect((await errorOf(client(front.url).probe())).kind).toBe('misconfigured');
    expect((await errorOf(client(front.url).ping())).kind).toBe('misconfigured');
    expect((await errorOf(client(`${url}/elsewhere`).probe())).kind).toBe('misconfigured');
    expect((await errorOf(draw(client(`${url}/elsewhere`)))).kind).toBe('misconfigured');
  });

  it('reports what it can do', async () => {
    const { engine } = await startEngine({ models: ['alpha', 'beta'] });
    const { models, samplers, schedulers, ...can } = await engine.probe();
    const told = { taskProgress: true, globalProgress: true, interrupt: true, limits: {} };
    expect(can).toEqual(told);
    expect(models?.map(({ name, title }) => [name, title.replace(/ .*/, '')])).toEqual([
      ['alpha', 'alpha.safetensors'],
      ['beta', 'beta.safetensors'],
    ]);
    expect(
      samplers?.some(({ name, aliases }) => name === 'Euler a' && aliases.length === 2),
    ).toBeTruthy();
    expect(
      schedulers?.some(({ name, aliases }) => name === 'karras' && aliases[0] === 'Karras'),
    ).toBeTruthy();
    expect(engine.capabilities?.models).toEqual(models);
  });
});
