import { describe, expect, it } from '@jest/globals';
import { jsonOf, sizeOf, sketchForTests } from './support.js';

describe('the imitated sd-server', () => {
  const { draw, txt2img, sketch, url } = sketchForTests({ mode: 'sd-server' });

  for (const path of ['/sdapi/v1/progress', '/sdapi/v1/memory', '/internal/ping']) {
    it(`has no ${path}`, async () => {
      const answer = await fetch(url() + path);
      expect([answer.status, answer.headers.get('connection')]).toEqual([404, 'close']);
    });
  }

  for (const path of ['/sdapi/v1/interrupt', '/internal/progress']) {
    it(`has no POST ${path}`, async () => {
      const answer = await fetch(url() + path, { method: 'POST', body: '{}' });
      expect([answer.status, answer.headers.get('connection')]).toEqual([404, 'close']);
    });
  }

  it('lists one model, with placeholders for its hashes', async () => {
    const models = await jsonOf<{ title: string; hash: string }[]>(
      await fetch(`${url()}/sdapi/v1/sd-models`),
    );
    expect(models.map(({ title, hash }) => [title, hash])).toEqual([['sketch-v1', '8888888888']]);
    const { details } = await draw({ override_settings: { sd_model_checkpoint: 'sketch-v2' } });
    expect(details.sd_model_name).toBe('sketch-v1.safetensors');
    expect(details.sd_model_hash).toBe(undefined);
  });

  it('rounds sides up to 64, and reports them as requested', async () => {
    const { images, details } = await draw({ width: 72, height: 64 });
    expect(await sizeOf(images[0])).toEqual(['png', 128, 64]);
    expect([details.width, details.height]).toEqual([72, 64]);
  });

  it('cuts steps above 100 to 100', async () => {
    const { details } = await draw({ steps: 150, width: 64, height: 64 });
    expect((details as unknown as { steps: number }).steps).toBe(100);
    expect(sketch.state().jobs.at(-1)?.steps).toBe(100);
  });

  it('replaces a seed of 2^31 or more', async () => {
    expect((await draw({ seed: 2 ** 31 - 1 })).details.seed).toBe(2 ** 31 - 1);
    expect((await draw({ seed: 2 ** 31 })).details.seed).not.toBe(2 ** 31);
  });

  for (const [asked, told] of [
    ['Euler a', 'euler_a'],
    ['euler_a', 'euler_a'],
    ['nope', 'NONE'],
    ['default', 'NONE'],
  ]) {
    it(`reports the sampler ${asked} as ${told}`, async () => {
      const { details } = await draw({ sampler_name: asked });
      expect((details as unknown as { sampler_name: string }).sampler_name).toBe(told);
    });
  }

  it('uses a known scheduler, and leaves out an unknown one', async () => {
    const used = async (scheduler: string) => {
      const { details } = await draw({ scheduler });
      return (details as { extra_generation_params?: object }).extra_generation_params;
    };
    expect(await used('karras')).toEqual({ 'Schedule type': 'karras' });
    expect(await used('normal')).toEqual({ 'Schedule type': 'discrete' });
    expect(await used('nope')).toBe(undefined);
  });

  it('obeys the arguments between tags in a prompt', async () => {
    const args = '{"sample_params":{"sample_steps":40},"batch_count":2}';
    const prompt = `a lake<sd_cpp_extra_args>${args}</sd_cpp_extra_args>`;
    const { images, details } = await draw({ prompt, steps: 2 });
    expect(images.length).toBe(2);
    expect((details as unknown as { steps: number }).steps).toBe(40);
    expect(sketch.state().jobs.at(-1)?.steps).toBe(40);
    const broken = await txt2img({ prompt: '<sd_cpp_extra_args>{</sd_cpp_extra_args>' });
    expect(broken.status).toBe(400);
  });

  it('answers 400 when there is no prompt', async () => {
    expect((await txt2img({ prompt: '' })).status).toBe(400);
  });
});
