import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import sharp from 'sharp';
import type { EngineError } from '../../../src/features/image-generation/engines/engine-errors.js';
import {
  readAnswer,
  verifiedImages,
} from '../../../src/features/image-generation/engines/a1111-result.js';
import { eventually } from '../../support/eventually.js';
import { startFront } from './front-server.js';
import { client, draw, errorOf, small, startEngine, startSketch } from './support.js';

describe('a result', () => {
  it('is what was requested', async () => {
    const { draw, url } = await startEngine({ models: ['alpha', 'beta'] });
    const { images, model, modelHash, seconds } = await draw({
      request: { width: 128, height: 64, batchSize: 2, seed: 4_000_000_000 },
    });
    const [listed] = (await (await fetch(`${url}/sdapi/v1/sd-models`)).json()) as {
      hash: string;
    }[];
    expect([model, modelHash]).toEqual(['alpha', listed?.hash]);
    expect(seconds).toBeGreaterThan(0);
    expect(
      images.map(({ seed, contentType, width, height }) => [seed, contentType, width, height]),
    ).toEqual([
      [4_000_000_000, 'image/png', 128, 64],
      [4_000_000_001, 'image/png', 128, 64],
    ]);
    const { width, height, format } = await sharp(images[1]?.bytes).metadata();
    expect([width, height, format]).toEqual([128, 64, 'png']);
  });

  it('is the same picture for the same seed', async () => {
    const { draw } = await startEngine();
    const [first, again, other] = [
      await draw(),
      await draw(),
      await draw({ request: { seed: small.seed + 1 } }),
    ].map(({ images }) => images[0]?.bytes);
    expect(again).toEqual(first);
    expect(other).not.toEqual(first);
  });

  it('says that the stand-in drew it', async () => {
    const { draw, engine } = await startEngine();
    await draw();
    expect(engine.kind).toBe('sketch');
  });
});

describe('a picture of another size (security 34)', () => {
  for (const [width, height] of [
    [32, 64],
    [32, 128],
    [128, 128],
  ] as const) {
    it(`(${width}×${height}) is refused`, async () => {
      const create = { width, height, channels: 3, background: 'red' } as const;
      const image = (await sharp({ create }).png().toBuffer()).toString('base64');
      const answer = { images: [image], info: JSON.stringify({ seed: small.seed }) };
      const error = await errorOf(verifiedImages(small, readAnswer(small, answer)));
      expect(error.kind).toBe('bad_result');
      expect(error.message).toMatch(new RegExp(`${width}×${height} instead of 64×64`));
    });
  }
});

describe('what the info says was used', () => {
  const cases: [string, object, object][] = [
    ['sides rounded up', {}, { width: 128 }],
    ['steps cut', { steps: 150 }, { steps: 100 }],
    ['an unknown sampler', { samplerName: 'no such' }, { sampler_name: 'NONE' }],
    ['another seed', { seed: 2 ** 31 }, { seed: 7 }],
  ];
  for (const [what, asked, said] of cases) {
    it(`${what} is a mismatch that a retry does not fix`, () => {
      const request = { ...small, ...asked };
      const info = JSON.stringify({ seed: request.seed, ...said });
      assert.throws(
        () => readAnswer(request, { images: ['AAAA'], info }),
        (error: EngineError) => error.kind === 'mismatch',
      );
    });
  }
});

describe('a checkpoint', () => {
  it('may be named by its name, file, title or hash', async () => {
    const { draw, engine, sketch } = await startEngine({ models: ['alpha', 'beta'] });
    const title = (await engine.probe()).models?.[1]?.title ?? '';
    const hash = /\[(\w+)\]/.exec(title)?.[1] ?? '';
    for (const model of ['beta', 'beta.safetensors', title, hash]) {
      expect((await draw({ request: { model } })).model).toBe('beta');
    }
    expect(sketch.state().jobs.every((job) => job.model === 'beta')).toBe(true);
  });

  it('is refused, not drawn, if the server does not have it', async () => {
    const { draw, sketch } = await startEngine();
    const error = await errorOf(draw({ request: { model: 'sketch-v3' } }));
    expect(error.kind).toBe('mismatch');
    expect(error.message).toMatch(/model is not known here; closest names: sketch-v1, sketch-v2/);
    expect(sketch.state().requests).toBe(0);
  });

  it('is noticed to be another one if a server without a list replaces it', async () => {
    const { url } = await startSketch();
    const front = await startFront(url, ({ path }, response) => {
      if (path !== '/sdapi/v1/sd-models') return false;
      response.writeHead(404).end();
      return true;
    });
    const error = await errorOf(draw(client(front.url), { request: { model: 'not-there' } }));
    expect(error.kind).toBe('mismatch');
    expect(error.message).toMatch(/another model/);
  });

  it('is found if it was added after the list was read', async () => {
    const { url } = await startSketch();
    let listed = false;
    const front = await startFront(url, ({ path }, response) => {
      if (path !== '/sdapi/v1/sd-models' || listed) return false;
      listed = true;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end('[{"title": "other"}]');
      return true;
    });
    const engine = client(front.url);
    await engine.probe();
    await eventually('the list is old enough to doubt', async () => {
      const drawn = await draw(engine, { request: { model: 'sketch-v2' } }).catch(() => undefined);
      return drawn?.model === 'sketch-v2';
    });
  });

  it('differs from one of the same name in another folder', async () => {
    const { draw } = await startEngine({ models: ['alpha'] });
    const error = await errorOf(draw({ request: { model: 'sub/alpha.safetensors [0123456789]' } }));
    expect(error.kind).toBe('mismatch');
  });

  // Longer than the client keeps an idle connection: a quiet one that waits is not idle.
  it('may take time to load', async () => {
    const { draw } = await startEngine({ modelSwitchMs: 5_000 }, { pollMs: 500 });
    expect((await draw({ request: { model: 'sketch-v2' } })).model).toBe('sketch-v2');
  });
});

describe('a sampler', () => {
  it('is used if the server knows it', async () => {
    const { draw } = await startEngine();
    const { images } = await draw({ request: { samplerName: 'Euler a', scheduler: 'karras' } });
    const { exif, comments } = await sharp(images[0]?.bytes).metadata();
    expect(JSON.stringify([exif, comments])).toMatch(/Sampler: Euler a, Schedule type: Karras/);
  });

  it('may be named by an alias, in any spelling, with its scheduler glued on', async () => {
    const { sketch, url } = await startSketch();
    const front = await startFront(url);
    const engine = client(front.url);
    for (const samplerName of ['k_euler_ancestral', 'euler_a', 'EULER A', 'Euler a SGM Uniform']) {
      await draw(engine, { request: { samplerName } });
    }
    const sent = front
      .seenAt('/sdapi/v1/txt2img')
      .map(({ body }) => JSON.parse(body) as { sampler_name: string; scheduler?: string });
    expect(sent.every(({ sampler_name }) => sampler_name === 'Euler a')).toBe(true);
    expect(sent.at(-1)?.scheduler).toBe('sgm_uniform');
    expect(sketch.state().requests).toBe(4);
  });

  it('or scheduler is refused, not drawn, if the server does not know it', async () => {
    const { draw, sketch } = await startEngine();
    const error = await errorOf(draw({ request: { samplerName: 'Eular', scheduler: 'karas' } }));
    expect(error.kind).toBe('mismatch');
    expect(error.message).toMatch(/sampler_name is not known here; closest names: Euler/);
    expect(error.message).toMatch(/scheduler is not known here; closest names: karras/);
    expect(sketch.state().requests).toBe(0);
  });

  it('is our mistake if a server without a list refuses it', async () => {
    const { url } = await startSketch();
    const front = await startFront(url, ({ path }, response) => {
      if (path !== '/sdapi/v1/samplers') return false;
      response.writeHead(404).end();
      return true;
    });
    const error = await errorOf(draw(client(front.url), { request: { samplerName: 'Nope' } }));
    expect(error.kind).toBe('invalid_request');
  });
});
