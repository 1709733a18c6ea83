import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { A1111Options } from '../../../src/features/image-generation/engines/a1111-options.js';
import type { EngineErrorKind } from '../../../src/features/image-generation/engines/engine-error.js';
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
  html_200: { means: 'bad_result' },
};

describe('a server in trouble', () => {
  for (const [name, { means, order, options }] of Object.entries(troubles)) {
    const kind = name as MisbehaviourKind;
    it(`${kind} means ${means}, and does not outlast the call`, async (t) => {
      const { sketch, url, engine } = await startEngine(t, {}, options);
      const request = { model: 'sketch-v1' };
      sketch.misbehave({ ...order, kind });
      assert.equal((await errorOf(draw(engine, { request }))).kind, means);
      await eventually('the server is back', () =>
        fetch(`${url}/internal/ping`).then(
          ({ ok }) => ok,
          () => false,
        ),
      );
      if (options) return;
      const again = { request, jobId: 'task(one-a2)', earlierJobIds: ['task(one-a1)'] };
      assert.equal((await draw(engine, again)).images.length, 1);
    });
  }

  it('rate_limited tells when to come back', async (t) => {
    const { sketch, draw } = await startEngine(t);
    sketch.misbehave({ kind: 'rate_limited', retryAfterSeconds: 7 });
    assert.equal((await errorOf(draw())).details.retryAfterSeconds, 7);
  });

  it('oversized_body is not read to its end', async (t) => {
    const { sketch, draw } = await startEngine(t);
    sketch.misbehave({ kind: 'oversized_body', bytes: 2 ** 40 });
    assert.equal((await errorOf(draw())).kind, 'bad_result');
    await eventually('the server lets go', () => sketch.state().in_flight === 0);
  });
});

describe('a success that looks unlike the last one', () => {
  it('slow is only slow', async (t) => {
    const { sketch, draw } = await startEngine(t);
    sketch.misbehave({ kind: 'slow', stepMs: 20 });
    assert.equal((await draw()).images.length, 1);
  });

  it('grid_first leaves the grid out', async (t) => {
    const { sketch, draw } = await startEngine(t);
    const request = { batchSize: 3, seed: 5 };
    const plain = await draw({ request });
    sketch.misbehave({ kind: 'grid_first' });
    const { images } = await draw({ request });
    assert.deepEqual(
      images.map(({ seed }) => seed),
      [5, 6, 7],
    );
    assert.deepEqual(
      images.map(({ bytes }) => bytes),
      plain.images.map(({ bytes }) => bytes),
    );
  });

  const formats = [
    ['jpg', 'image/jpeg'],
    ['webp', 'image/webp'],
  ] as const;
  for (const [kind, contentType] of formats) {
    it(`${kind} is known by its bytes`, async (t) => {
      const { sketch, draw } = await startEngine(t);
      sketch.misbehave({ kind });
      const [image] = (await draw()).images;
      assert.equal(image?.contentType, contentType);
      assert.deepEqual([image.width, image.height], [64, 64]);
    });

    it(`a server set to ${kind} is no trouble either`, async (t) => {
      const { draw } = await startEngine(t, { format: kind, grid: true });
      const { images } = await draw({ request: { batchSize: 2 } });
      assert.deepEqual(
        images.map((image) => image.contentType),
        [contentType, contentType],
      );
    });
  }
});
