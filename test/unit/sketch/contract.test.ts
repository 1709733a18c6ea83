import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import { bytesOf, jsonOf, quick, sizeOf, sketchForTests } from './support.js';

describe('txt2img', () => {
  const { draw, txt2img, post, sketch, url } = sketchForTests();

  it('answers pictures in base64 and their info', async () => {
    const { images, parameters, details } = await draw({ width: 72, height: 128 });
    assert.equal(images.length, 1);
    assert.deepEqual(await sizeOf(images[0]), ['png', 72, 128]);
    assert.doesNotMatch(images[0] ?? '', /^data:/);
    assert.equal(parameters['prompt'], quick.prompt);
    assert.equal(details.seed, 1);
    assert.deepEqual(details.all_seeds, [1]);
    assert.deepEqual([details.width, details.height], [72, 128]);
    assert.equal(details.sd_model_name, 'sketch-v1');
    assert.match(details.sd_model_hash, /^[0-9a-f]{10}$/);
    assert.equal(details.index_of_first_image, 0);
    assert.match(
      details.infotexts[0] ?? '',
      /^a quiet lake\nSteps: 6, Sampler: Euler, .*Seed: 1, Size: 72x128/,
    );
    assert.ok(
      bytesOf(images[0]).includes(details.infotexts[0] ?? ''),
      'the infotext is in the file',
    );
  });

  it('makes batch_size × n_iter pictures with rising seeds', async () => {
    const { images, details } = await draw({ batch_size: 2, n_iter: 2, seed: 10 });
    assert.equal(images.length, 4);
    assert.deepEqual(details.all_seeds, [10, 11, 12, 13]);
    const [alone] = (await draw({ seed: 12 })).images;
    const [, , third] = images;
    assert.deepEqual(await pixels(third), await pixels(alone), 'picture 2 is that of seed + 2');
  });

  it('chooses a seed for -1', async () => {
    const { details } = await draw({ seed: -1 });
    assert.ok(details.seed >= 0);
    assert.equal(details.all_seeds[0], details.seed);
  });

  it('takes 50 steps when not told', async () => {
    const { parameters } = await draw({ steps: null });
    assert.equal(parameters['steps'], 50);
  });

  it('keeps the pictures when send_images is false', async () => {
    assert.deepEqual((await draw({ send_images: false })).images, []);
  });

  const badFields: [field: string, value: unknown][] = [
    ['width', 'wide'],
    ['height', 1.5],
    ['steps', 0],
    ['prompt', 7],
    ['override_settings', 'none'],
    ['batch_size', 1000],
  ];
  for (const [field, value] of badFields) {
    it(`refuses ${field}: ${JSON.stringify(value)} as FastAPI does`, async () => {
      const response = await txt2img({ [field]: value });
      assert.equal(response.status, 422);
      const { detail } = await jsonOf<{ detail: { loc: string[]; msg: string; type: string }[] }>(
        response,
      );
      assert.deepEqual(detail[0]?.loc, ['body', field]);
      assert.equal(typeof detail[0]?.msg, 'string');
      assert.match(detail[0]?.type ?? '', /^(type|value)_error/);
    });
  }

  it('refuses no body and bad JSON with 422', async () => {
    assert.equal((await post('/sdapi/v1/txt2img')).status, 422);
    const broken = await fetch(`${url()}/sdapi/v1/txt2img`, {
      method: 'POST',
      body: '{"prompt',
    });
    assert.equal(broken.status, 422);
  });

  it('answers 404 for an unknown sampler', async () => {
    const response = await txt2img({ sampler_name: 'Crayon' });
    assert.equal(response.status, 404);
    assert.equal((await jsonOf<{ detail: string }>(response)).detail, 'Sampler not found');
  });

  it('knows a sampler by alias and with its scheduler glued on', async () => {
    assert.match(
      (await draw({ sampler_name: 'k_euler_a' })).details.infotexts[0] ?? '',
      /Sampler: Euler a,/,
    );
    const glued = await draw({ sampler_name: 'DPM++ 2M Karras' });
    assert.match(glued.details.infotexts[0] ?? '', /Sampler: DPM\+\+ 2M, Schedule type: Karras/);
  });

  it('answers 422 in its other shape for an unknown script', async () => {
    for (const body of [{ script_name: 'x' }, { alwayson_scripts: { x: {} } }]) {
      const response = await txt2img(body);
      assert.equal(response.status, 422);
      assert.deepEqual(Object.keys(await jsonOf<object>(response)), [
        'error',
        'detail',
        'body',
        'errors',
      ]);
    }
  });

  it('runs out of memory when the batch is too large for the card', async () => {
    const response = await txt2img({ width: 8192, height: 8192, batch_size: 2 });
    assert.equal(response.status, 500);
    assert.match((await jsonOf<{ errors: string }>(response)).errors, /CUDA out of memory/);
    assert.equal(sketch.state().jobs.at(-1)?.outcome, 'failed');
  });

  it('has no img2img', async () => {
    const response = await post('/sdapi/v1/img2img', {});
    assert.equal(response.status, 404);
    assert.deepEqual(await jsonOf(response), { detail: 'Not Found' });
  });
});

describe('models', () => {
  const { draw, get, post, sketch } = sketchForTests({ models: ['pencil', 'ink'] });
  const loaded = async (): Promise<string> =>
    (await jsonOf<{ sd_model_checkpoint: string }>(await get('/sdapi/v1/options')))
      .sd_model_checkpoint;

  it('are listed with title, name and hashes', async () => {
    const models = await jsonOf<Record<string, string>[]>(await get('/sdapi/v1/sd-models'));
    assert.deepEqual(
      models.map((model) => model['model_name']),
      ['pencil', 'ink'],
    );
    for (const model of models) {
      assert.equal(model['title'], `${model['model_name']}.safetensors [${model['hash']}]`);
      assert.ok(model['sha256']?.startsWith(model['hash'] ?? '?'));
      assert.ok(model['filename']?.endsWith(`${model['model_name']}.safetensors`));
    }
  });

  it('switch for one job, and back unless told to stay', async () => {
    const override = { override_settings: { sd_model_checkpoint: 'ink' } };
    assert.equal((await draw(override)).details.sd_model_name, 'ink');
    assert.match(await loaded(), /^pencil/);
    assert.equal(sketch.state().jobs.at(-1)?.model, 'ink');
    await draw({ ...override, override_settings_restore_afterwards: false });
    assert.match(await loaded(), /^ink/);
  });

  it('that are unknown are ignored without a word', async () => {
    const { details } = await draw({ override_settings: { sd_model_checkpoint: 'watercolour' } });
    assert.match(await loaded(), new RegExp(`^${details.sd_model_name}`));
  });

  it('switch through /options, which answers 500 for an unknown one', async () => {
    const changed = await post('/sdapi/v1/options', {
      sd_model_checkpoint: 'pencil',
      CLIP_stop_at_last_layers: 2,
    });
    assert.equal(await changed.text(), 'null');
    assert.match(await loaded(), /^pencil/);
    const options = await jsonOf<Record<string, unknown>>(await get('/sdapi/v1/options'));
    assert.equal(options['CLIP_stop_at_last_layers'], 2);

    const refused = await post('/sdapi/v1/options', { sd_model_checkpoint: 'watercolour' });
    assert.equal(refused.status, 500);
    assert.match(await refused.text(), /model 'watercolour' not found/);
  });
});

describe('catalog', () => {
  const { get } = sketchForTests();
  for (const [path, field] of [
    ['samplers', 'aliases'],
    ['schedulers', 'label'],
    ['loras', 'path'],
    ['upscalers', 'scale'],
  ]) {
    it(`lists ${path}`, async () => {
      const list = await jsonOf<Record<string, unknown>[]>(await get(`/sdapi/v1/${path}`));
      assert.ok(list.length > 0);
      for (const item of list) assert.ok('name' in item && String(field) in item);
    });
  }

  it('tells the memory', async () => {
    const memory = await jsonOf<{ ram: object; cuda: { system: { free: number } } }>(
      await get('/sdapi/v1/memory'),
    );
    assert.ok(memory.cuda.system.free > 0);
  });

  it('answers a ping', async () => {
    assert.deepEqual(await jsonOf(await get('/internal/ping')), {});
  });
});

describe('options of the program', () => {
  const locked = sketchForTests({ auth: 'ada:secret' });
  const headless = sketchForTests({ nowebui: true });
  const jpgs = sketchForTests({ format: 'jpg', grid: true });

  it('auth guards /sdapi only', async () => {
    const basic = (text: string) => ({
      authorization: `Basic ${Buffer.from(text).toString('base64')}`,
    });
    const refused = await locked.get('/sdapi/v1/samplers');
    assert.equal(refused.status, 401);
    assert.equal(refused.headers.get('www-authenticate'), 'Basic');
    assert.equal((await locked.get('/sdapi/v1/samplers', basic('ada:wrong'))).status, 401);
    assert.equal((await locked.get('/sdapi/v1/samplers', basic('ada:secret'))).status, 200);
    assert.equal((await locked.post('/internal/progress', { id_task: 'x' })).status, 200);
    assert.equal((await locked.get('/sketch/state')).status, 200);
  });

  it('nowebui takes the /internal routes away', async () => {
    assert.equal((await headless.get('/internal/ping')).status, 404);
    assert.equal((await headless.post('/internal/progress', { id_task: 'x' })).status, 404);
    assert.equal((await headless.txt2img()).status, 200);
  });

  it('format and grid shape the pictures', async () => {
    const { images, details } = await jpgs.draw({ batch_size: 2 });
    assert.equal(details.index_of_first_image, 1);
    assert.deepEqual(await sizeOf(images[0]), ['jpeg', 128, 64]);
    assert.deepEqual(await sizeOf(images[1]), ['jpeg', 64, 64]);
    assert.equal((await jpgs.draw()).details.index_of_first_image, 0);
  });
});

async function pixels(image: string | undefined): Promise<Buffer> {
  return sharp(bytesOf(image)).raw().toBuffer();
}
