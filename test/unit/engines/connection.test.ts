import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
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
    it(`are at most ${inFlight} at once`, async (t) => {
      const { sketch, engine } = await startEngine(t, { stepMs: 2 }, {}, inFlight);
      const calls = Array.from({ length: 5 }, (_, i) => draw(engine, { jobId: `task(${i})` }));
      assert.equal((await Promise.all(calls)).length, 5);
      assert.equal(sketch.state().requests, 5);
      assert.equal(sketch.state().max_in_flight, inFlight);
    });
  }

  it('fill the second place while the first is drawn', async (t) => {
    const { sketch, engine } = await startEngine(t, { stepMs: 10 });
    const first = draw(engine, { jobId: 'task(a)', request: { steps: 50 } });
    await becomesActive(sketch, 'task(a)');
    const second = draw(engine, { jobId: 'task(b)' });
    await becomesQueued(sketch, 'task(b)');
    await Promise.all([first, second]);
  });

  it('go over one connection, one after the other', async (t) => {
    const { url } = await startSketch(t);
    const front = await startFront(t, url);
    const engine = client(front.url, { pollMs: never });
    for (let i = 0; i < 4; i++) await draw(engine, { jobId: `task(${i})` });
    assert.equal(front.seenAt('/sdapi/v1/txt2img').length, 4);
    assert.equal(front.sockets(), 1);
  });

  it('ask for a plain body', async (t) => {
    const { url } = await startSketch(t);
    const front = await startFront(t, url);
    await draw(client(front.url));
    assert.ok(front.seen.every(({ headers }) => headers['accept-encoding'] === 'identity'));
  });

  it('hold nothing that is not on the list', async (t) => {
    const { url } = await startSketch(t);
    const front = await startFront(t, url);
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
    assert.deepEqual(JSON.parse(front.seenAt('/sdapi/v1/txt2img')[0]?.body ?? ''), {
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
  it('that is not there is unavailable', async () => {
    const gone = createSketch();
    const url = await gone.listen();
    await gone.close();
    assert.equal((await errorOf(draw(client(url)))).kind, 'unavailable');
    assert.equal((await errorOf(client(url).probe())).kind, 'unavailable');
  });

  it('that sends us elsewhere is misconfigured, and not followed', async (t) => {
    const { sketch, url } = await startSketch(t);
    const front = await startFront(t, url, ({ path }, response) => {
      if (path !== '/sdapi/v1/txt2img') return false;
      response.writeHead(307, { location: url + path }).end();
      return true;
    });
    assert.equal((await errorOf(draw(client(front.url)))).kind, 'misconfigured');
    assert.equal(sketch.state().requests, 0);
  });

  it('without TLS behind https is misconfigured', async (t) => {
    const { url } = await startSketch(t);
    const error = await errorOf(draw(client(url.replace('http:', 'https:'))));
    assert.equal(error.kind, 'misconfigured');
  });

  it('of another kind is misconfigured', async (t) => {
    const { url } = await startSketch(t);
    const front = await startFront(t, url, (_seen, response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>');
      return true;
    });
    assert.equal((await errorOf(client(front.url).probe())).kind, 'misconfigured');
    assert.equal((await errorOf(client(`${url}/elsewhere`).probe())).kind, 'misconfigured');
    assert.equal((await errorOf(draw(client(`${url}/elsewhere`)))).kind, 'misconfigured');
  });

  it('tells what it can do', async (t) => {
    const { engine } = await startEngine(t, { models: ['alpha', 'beta'] });
    const { models, ...can } = await engine.probe();
    assert.deepEqual(can, { taskProgress: true, globalProgress: true, interrupt: true });
    assert.deepEqual(
      models.map((title) => title.replace(/ .*/, '')),
      ['alpha.safetensors', 'beta.safetensors'],
    );
  });
});
