import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import { bytesOf, jsonOf, quick, sizeOf, sketchForTests } from './support.js';

describe('txt2img', () => {
  const { draw, txt2img, post, sketch, url } = sketchForTests();

  it('returns pictures in base64 and their info', async () => {
    const { images, parameters, details } = await draw({ width: 72, height: 128 });
    expect(images.length).toBe(1);
    expect(await sizeOf(images[0])).toEqual(['png', 72, 128]);
    expect(images[0] ?? '').not.toMatch(/^data:/);
    expect(parameters['prompt']).toBe(quick.prompt);
    expect(details.seed).toBe(1);
    expect(details.all_seeds).toEqual([1]);
    expect([details.width, details.height]).toEqual([72, 128]);
    expect(details.sd_model_name).toBe('sketch-v1');
    expect(details.sd_model_hash).toMatch(/^[0-9a-f]{10}$/);
    expect(details.index_of_first_image).toBe(0);
    expect(details.infotexts[0] ?? '').toMatch(
      /^a quiet lake\nSteps: 6, Sampler: Euler, .*Seed: 1, Size: 72x128/,
    );
    expect(bytesOf(images[0]).includes(details.infotexts[0] ?? '')).toBe(true);
  });

  it('makes batch_size × n_iter pictures with rising seeds', async () => {
    const { images, details } = await draw({ batch_size: 2, n_iter: 2, seed: 10 });
    expect(images.length).toBe(4);
    expect(details.all_seeds).toEqual([10, 11, 12, 13]);
    const [alone] = (await draw({ seed: 12 })).images;
    const [, , third] = images;
    expect(await pixels(third)).toEqual(await pixels(alone));
  });

  it('chooses a seed for -1', async () => {
    const { details } = await draw({ seed: -1 });
    expect(details.seed).toBeGreaterThanOrEqual(0);
    expect(details.all_seeds[0]).toBe(details.seed);
  });

  it('takes 50 steps by default', async () => {
    const { parameters } = await draw({ steps: null });
    expect(parameters['steps']).toBe(50);
  });

  it('keeps the pictures when send_images is false', async () => {
    expect((await draw({ send_images: false })).images).toEqual([]);
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
      expect(response.status).toBe(422);
      const { detail } = await jsonOf<{ detail: { loc: string[]; msg: string; type: string }[] }>(
        response,
      );
      expect(detail[0]?.loc).toEqual(['body', field]);
      expect(typeof detail[0]?.msg).toBe('string');
      expect(detail[0]?.type ?? '').toMatch(/^(type|value)_error/);
    });
  }

  it('refuses a missing body and bad JSON with 422', async () => {
    expect((await post('/sdapi/v1/txt2img')).status).toBe(422);
    const broken = await fetch(`${url()}/sdapi/v1/txt2img`, {
      method: 'POST',
      body: '{"prompt',
    });
    expect(broken.status).toBe(422);
  });

  it('answers 404 for an unknown sampler', async () => {
    const response = await txt2img({ sampler_name: 'Crayon' });
    expect(response.status).toBe(404);
    expect((await jsonOf<{ detail: string }>(response)).detail).toBe('Sampler not found');
  });

  it('knows a sampler by its alias and with its scheduler appended', async () => {
    expect((await draw({ sampler_name: 'k_euler_a' })).details.infotexts[0] ?? '').toMatch(
      /Sampler: Euler a,/,
    );
    const glued = await draw({ sampler_name: 'DPM++ 2M Karras' });
    expect(glued.details.infotexts[0] ?? '').toMatch(/Sampler: DPM\+\+ 2M, Schedule type: Karras/);
  });

  it('answers an unknown script with its other form of 422', async () => {
    for (const body of [{ script_name: 'x' }, { alwayson_scripts: { x: {} } }]) {
      const response = await txt2img(body);
      expect(response.status).toBe(422);
      expect(Object.keys(await jsonOf<object>(response))).toEqual([
        'error',
        'detail',
        'body',
        'errors',
      ]);
    }
  });

  it('runs out of memory when the batch is too large for the card', async () => {
    const response = await txt2img({ width: 8192, height: 8192, batch_size: 2 });
    expect(response.status).toBe(500);
    expect((await jsonOf<{ errors: string }>(response)).errors).toMatch(/CUDA out of memory/);
    expect(sketch.state().jobs.at(-1)?.outcome).toBe('failed');
  });

  it('has no img2img', async () => {
    const response = await post('/sdapi/v1/img2img', {});
    expect(response.status).toBe(404);
    expect(await jsonOf(response)).toEqual({ detail: 'Not Found' });
  });
});

describe('models', () => {
  const { draw, get, post, sketch } = sketchForTests({ models: ['pencil', 'ink'] });
  const loaded = async (): Promise<string> =>
    (await jsonOf<{ sd_model_checkpoint: string }>(await get('/sdapi/v1/options')))
      .sd_model_checkpoint;

  it('are listed with title, name and hashes', async () => {
    const models = await jsonOf<Record<string, string>[]>(await get('/sdapi/v1/sd-models'));
    expect(models.map((model) => model['model_name'])).toEqual(['pencil', 'ink']);
    for (const model of models) {
      expect(model['title']).toBe(`${model['model_name']}.safetensors [${model['hash']}]`);
      expect(model['sha256']?.startsWith(model['hash'] ?? '?')).toBeTruthy();
      expect(model['filename']?.endsWith(`${model['model_name']}.safetensors`)).toBeTruthy();
    }
  });

  it('switch for one job, and switch back unless told to stay', async () => {
    const override = { override_settings: { sd_model_checkpoint: 'ink' } };
    expect((await draw(override)).details.sd_model_name).toBe('ink');
    expect(await loaded()).toMatch(/^pencil/);
    expect(sketch.state().jobs.at(-1)?.model).toBe('ink');
    await draw({ ...override, override_settings_restore_afterwards: false });
    expect(await loaded()).toMatch(/^ink/);
  });

  it('are silently ignored when they are unknown', async () => {
    const { details } = await draw({ override_settings: { sd_model_checkpoint: 'watercolour' } });
    expect(await loaded()).toMatch(new RegExp(`^${details.sd_model_name}`));
  });

  it('switch through /options, which answers 500 for an unknown one', async () => {
    const changed = await post('/sdapi/v1/options', {
      sd_model_checkpoint: 'pencil',
      CLIP_stop_at_last_layers: 2,
    });
    expect(await changed.text()).toBe('null');
    expect(await loaded()).toMatch(/^pencil/);
    const options = await jsonOf<Record<string, unknown>>(await get('/sdapi/v1/options'));
    expect(options['CLIP_stop_at_last_layers']).toBe(2);

    const refused = await post('/sdapi/v1/options', { sd_model_checkpoint: 'watercolour' });
    expect(refused.status).toBe(500);
    expect(await refused.text()).toMatch(/model 'watercolour' not found/);
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
      expect(list.length).toBeGreaterThan(0);
      for (const item of list) expect('name' in item && String(field) in item).toBe(true);
    });
  }

  it('reports the memory', async () => {
    const memory = await jsonOf<{ ram: object; cuda: { system: { free: number } } }>(
      await get('/sdapi/v1/memory'),
    );
    expect(memory.cuda.system.free).toBeGreaterThan(0);
  });

  it('answers a ping', async () => {
    expect(await jsonOf(await get('/internal/ping'))).toEqual({});
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
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toBe('Basic');
    expect((await locked.get('/sdapi/v1/samplers', basic('ada:wrong'))).status).toBe(401);
    expect((await locked.get('/sdapi/v1/samplers', basic('ada:secret'))).status).toBe(200);
    expect((await locked.post('/internal/progress', { id_task: 'x' })).status).toBe(200);
    expect((await locked.get('/sketch/state')).status).toBe(200);
  });

  it('nowebui takes the /internal routes away', async () => {
    expect((await headless.get('/internal/ping')).status).toBe(404);
    expect((await headless.post('/internal/progress', { id_task: 'x' })).status).toBe(404);
    expect((await headless.txt2img()).status).toBe(200);
  });

  it('format and grid shape the pictures', async () => {
    const { images, details } = await jpgs.draw({ batch_size: 2 });
    expect(details.index_of_first_image).toBe(1);
    expect(await sizeOf(images[0])).toEqual(['jpeg', 128, 64]);
    expect(await sizeOf(images[1])).toEqual(['jpeg', 64, 64]);
    expect((await jpgs.draw()).details.index_of_first_image).toBe(0);
  });
});

async function pixels(image: string | undefined): Promise<Buffer> {
  return sharp(bytesOf(image)).raw().toBuffer();
}
