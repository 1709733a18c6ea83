import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import sharp from 'sharp';
import type { EngineError } from '../../../src/features/image-generation/engines/engine-error.js';
import {
  readAnswer,
  verifiedImages,
} from '../../../src/features/image-generation/engines/a1111-result.js';
import { errorOf, small, startEngine } from './support.js';

describe('a result', () => {
  it('is what was asked for', async (t) => {
    const { draw, url } = await startEngine(t, { models: ['alpha', 'beta'] });
    const { images, model, modelHash, seconds } = await draw({
      request: { width: 128, height: 64, batchSize: 2, seed: 4_000_000_000 },
    });
    const [listed] = (await (await fetch(`${url}/sdapi/v1/sd-models`)).json()) as {
      hash: string;
    }[];
    assert.deepEqual([model, modelHash], ['alpha', listed?.hash]);
    assert.ok(seconds > 0);
    assert.deepEqual(
      images.map(({ seed, contentType, width, height }) => [seed, contentType, width, height]),
      [
        [4_000_000_000, 'image/png', 128, 64],
        [4_000_000_001, 'image/png', 128, 64],
      ],
    );
    const { width, height, format } = await sharp(images[1]?.bytes).metadata();
    assert.deepEqual([width, height, format], [128, 64, 'png']);
  });

  it('is the same picture for the same seed', async (t) => {
    const { draw } = await startEngine(t);
    const [first, again, other] = [
      await draw(),
      await draw(),
      await draw({ request: { seed: small.seed + 1 } }),
    ].map(({ images }) => images[0]?.bytes);
    assert.deepEqual(again, first);
    assert.notDeepEqual(other, first);
  });

  it('says that the stand-in drew it', async (t) => {
    const { draw, engine } = await startEngine(t);
    await draw();
    assert.equal(engine.kind, 'sketch');
  });
});

describe('a picture of another size', () => {
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
      assert.equal(error.kind, 'bad_result');
      assert.match(error.message, new RegExp(`${width}×${height} instead of 64×64`));
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
    it(`${what}: a mismatch that a repeat does not mend`, () => {
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
  it('may be named by its name, file, title or hash', async (t) => {
    const { draw, engine, sketch } = await startEngine(t, { models: ['alpha', 'beta'] });
    const title = (await engine.probe()).models[1] ?? '';
    const hash = /\[(\w+)\]/.exec(title)?.[1] ?? '';
    for (const model of ['beta', 'beta.safetensors', title, hash]) {
      assert.equal((await draw({ request: { model } })).model, 'beta', model);
    }
    assert.ok(sketch.state().jobs.every((job) => job.model === 'beta'));
  });

  it('that the server does not have is refused, not replaced', async (t) => {
    const { draw } = await startEngine(t);
    const error = await errorOf(draw({ request: { model: 'not-there' } }));
    assert.equal(error.kind, 'mismatch');
    assert.match(error.message, /another model/);
  });

  it('of the same name in another folder is another one', async (t) => {
    const { draw } = await startEngine(t, { models: ['alpha'] });
    const error = await errorOf(draw({ request: { model: 'sub/alpha.safetensors [0123456789]' } }));
    assert.equal(error.kind, 'mismatch');
  });

  // Longer than the client keeps an idle connection: a quiet one that waits is not idle.
  it('takes its time to load', async (t) => {
    const { draw } = await startEngine(t, { modelSwitchMs: 5_000 }, { pollMs: 500 });
    assert.equal((await draw({ request: { model: 'sketch-v2' } })).model, 'sketch-v2');
  });
});

describe('a sampler', () => {
  it('that the server knows is used', async (t) => {
    const { draw } = await startEngine(t);
    const { images } = await draw({ request: { samplerName: 'Euler a', scheduler: 'karras' } });
    const { exif, comments } = await sharp(images[0]?.bytes).metadata();
    assert.match(JSON.stringify([exif, comments]), /Sampler: Euler a, Schedule type: Karras/);
  });

  it('that it does not know is our mistake', async (t) => {
    const { draw } = await startEngine(t);
    assert.equal(
      (await errorOf(draw({ request: { samplerName: 'Nope' } }))).kind,
      'invalid_request',
    );
  });
});
