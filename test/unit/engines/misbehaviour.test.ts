import { describe, expect, it } from '@jest/globals';
import type { A1111Options } from '../../../src/features/image-generation/engines/a1111-options.js';
import type { EngineErrorKind } from '../../../src/features/image-generation/engines/engine-errors.js';
import type { MisbehaviourInput, MisbehaviourKind } from '../../../src/sketch/misbehaviour.js';
import { eventually } from '../../support/eventually.js';
import { draw, errorOf, startEngine } from './support.js';

interface Case {
  means: EngineErrorKind;
  order?: Partial<MisbehaviourInput>;
  options?: Partial<A1111Options>;
}

/** What each trouble of the server is to the caller; a kind without a line does not compile. */
const troubles: Record<Exclude<MisbehaviourKind, 'slow' | 'grid_first' | 'jpg' | 'webp'>, Case> = {
  never_answer: { means: 'timeout', options: { totalMs: 300 } },
  drip: { means: 'timeout', options: { totalMs: 300 } },
  reset_before_headers: { means: 'unknown_outcome' },
  reset_mid_body: { means: 'unknown_outcome' },
  oversized_body: { means: 'bad_result' },
  restart: { means: 'unknown_outcome', order: { ms: 50 } },
  refuse_bad_field: { means: 'invalid_request' },
  unknown_script: { means: 'invalid_request' },
  sampler_not_found_400: { means: 'invalid_request' },
  bad_image_500: { means: 'invalid_request' },
  oom_a1111: { means: 'out_of_memory' },
  oom_forge: { means: 'out_of_memory' },
  oom_then_frozen_progress: { means: 'out_of_memory' },
  unauthorized: { means: 'misconfigured' },
  rate_limited: { means: 'unavailable' },
  status_502: { means: 'unavailable' },
  status_503: { means: 'unavailable' },
  status_504: { means: 'unavailable' },
  empty_images: { means: 'bad_result' },
  wrong_count: { means: 'bad_result' },
  wrong_size: { means: 'bad_result' },
  undecodable: { means: 'bad_result' },
  not_base64: { means: 'bad_result' },
  truncated_png: { means: 'bad_result' },
  wrong_model: { means: 'mismatch' },
  half_denoised: { means: 'bad_result' },
  html_200: { means: 'unavailable' },
};

describe('a server in trouble', () => {
  for (const [name, { means, order, options }] of Object.entries(troubles)) {
    const kind = name as MisbehaviourKind;
    it(`${kind} means ${means}, and does not outlast the call`, async () => {
      const { sketch, url, engine } = await startEngine({}, options);
      const request = { model: 'sketch-v1' };
      sketch.misbehave({ ...order, kind });
      expect((await errorOf(draw(engine, { request }))).kind).toBe(means);
      await eventually('the server is back', () =>
        fetch(`${url}/internal/ping`).then(
          ({ ok }) => ok,
          () => false,
        ),
      );
      if (options) return;
      const again = { request, jobId: 'task(one-a2)', earlierJobIds: ['task(one-a1)'] };
      expect((await draw(engine, again)).images.length).toBe(1);
    });
  }

  it('says when to come back with rate_limited', async () => {
    const { sketch, draw } = await startEngine();
    sketch.misbehave({ kind: 'rate_limited', retryAfterSeconds: 7 });
    expect((await errorOf(draw())).details.retryAfterSeconds).toBe(7);
  });

  it('is not read to the end with oversized_body (security 34)', async () => {
    const { sketch, draw } = await startEngine();
    sketch.misbehave({ kind: 'oversized_body', bytes: 2 ** 40 });
    expect((await errorOf(draw())).kind).toBe('bad_result');
    await eventually('the server lets go', () => sketch.state().in_flight === 0);
  });
});

describe('a success that looks unusual', () => {
  it('is accepted when it is only slow', async () => {
    const { sketch, draw } = await startEngine();
    sketch.misbehave({ kind: 'slow', stepMs: 20 });
    expect((await draw()).images.length).toBe(1);
  });

  it('leaves the grid out with grid_first', async () => {
    const { sketch, draw } = await startEngine();
    const request = { batchSize: 3, seed: 5 };
    const plain = await draw({ request });
    sketch.misbehave({ kind: 'grid_first' });
    const { images } = await draw({ request });
    expect(images.map(({ seed }) => seed)).toEqual([5, 6, 7]);
    expect(images.map(({ bytes }) => bytes)).toEqual(plain.images.map(({ bytes }) => bytes));
  });

  const formats = [
    ['jpg', 'image/jpeg'],
    ['webp', 'image/webp'],
  ] as const;
  for (const [kind, contentType] of formats) {
    it(`is recognised as ${kind} by its bytes (security 34)`, async () => {
      const { sketch, draw } = await startEngine();
      sketch.misbehave({ kind });
      const [image] = (await draw()).images;
      expect(image?.contentType).toBe(contentType);
      expect([image?.width, image?.height]).toEqual([64, 64]);
    });

    it(`is also accepted from a server set to ${kind}`, async () => {
      const { draw } = await startEngine({ format: kind, grid: true });
      const { images } = await draw({ request: { batchSize: 2 } });
      expect(images.map((image) => image.contentType)).toEqual([contentType, contentType]);
    });
  }
});
