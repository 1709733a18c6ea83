import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSketch } from '../../../src/sketch/sketch-server.js';
import { MISBEHAVIOURS, type MisbehaviourKind } from '../../../src/sketch/misbehaviour.js';
import {
  bytesOf,
  jsonOf,
  sizeOf,
  sketchForTests,
  until,
  type Answer,
  type Info,
} from './support.js';

const tested = new Set<MisbehaviourKind>();
const spoils = (kind: MisbehaviourKind): MisbehaviourKind => {
  tested.add(kind);
  return kind;
};

describe('misbehaviours by order', () => {
  const { sketch, get, post, txt2img, url } = sketchForTests();

  it('spoil as many requests as ordered, then none', async () => {
    const ordered = await post('/sketch/misbehave', { kind: 'status_503', times: 2 });
    assert.equal(ordered.status, 200);
    const state = await jsonOf<{ misbehaviours: { kind: string; times: number }[] }>(
      await get('/sketch/state'),
    );
    assert.deepEqual(
      state.misbehaviours.map(({ kind, times }) => [kind, times]),
      [['status_503', 2]],
    );
    const seen = [await txt2img(), await txt2img(), await txt2img()].map(({ status }) => status);
    assert.deepEqual(seen, [503, 503, 200]);
    assert.equal(sketch.state().requests, 3);
  });

  it('come in the order given, and can be cleared', async () => {
    sketch.misbehave({ kind: 'status_502' });
    sketch.misbehave({ kind: 'status_504' });
    assert.equal((await txt2img()).status, 502);
    await fetch(`${url()}/sketch/misbehave`, { method: 'DELETE' });
    assert.deepEqual(sketch.state().misbehaviours, []);
    assert.equal((await txt2img()).status, 200);
  });

  it('must be known', async () => {
    assert.equal((await post('/sketch/misbehave', { kind: 'sulk' })).status, 422);
    assert.equal((await post('/sketch/misbehave', { kind: 'drip', speed: 3 })).status, 422);
    assert.throws(() => sketch.misbehave({ kind: 'drip', times: 0 }));
  });
});

describe('refusals', () => {
  const { spoiled, sketch } = sketchForTests();
  const cases: [MisbehaviourKind, number, RegExp][] = [
    ['refuse_bad_field', 422, /^\{"detail":\[\{"loc":\["body","steps"\],"msg":/],
    [
      'unknown_script',
      422,
      /"error":"HTTPException","detail":"always on script .* not found","body":"","errors"/,
    ],
    ['sampler_not_found_400', 400, /"detail":"Sampler not found"/],
    ['bad_image_500', 500, /"detail":"Invalid encoded image"/],
    ['oom_a1111', 500, /"error":"OutOfMemoryError".*"errors":"CUDA out of memory/],
    ['oom_forge', 500, /"error":"OutOfMemoryError".*"message":"CUDA out of memory/],
    ['unauthorized', 401, /Incorrect username or password/],
    ['status_502', 502, /<h1>Bad Gateway/],
    ['status_503', 503, /<h1>Service/],
    ['status_504', 504, /<h1>Gateway Time-out/],
    ['html_200', 200, /^<html>/],
    ['empty_images', 200, /^\{"images":\[\]/],
  ];
  for (const [kind, status, body] of cases) {
    it(`${kind} answers ${status}`, async () => {
      const response = await spoiled({ kind: spoils(kind) });
      assert.equal(response.status, status);
      assert.match(await response.text(), body);
    });
  }

  it('rate_limited says when to come back', async () => {
    const response = await spoiled({ kind: spoils('rate_limited'), retryAfterSeconds: 7 });
    assert.equal(response.status, 429);
    assert.equal(response.headers.get('retry-after'), '7');
  });

  it('oom_a1111 fails a job, and its progress ends', async () => {
    assert.equal(sketch.state().jobs[0]?.outcome, 'failed');
  });
});

describe('oom_then_frozen_progress', () => {
  const { spoiled, draw, progressOf } = sketchForTests();
  it('stays active at 0 until another job begins', async () => {
    const response = await spoiled(
      { kind: spoils('oom_then_frozen_progress') },
      { force_task_id: 'frozen' },
    );
    assert.equal(response.status, 500);
    const frozen = await progressOf('frozen');
    assert.deepEqual(
      [frozen.active, frozen.completed, frozen.progress, frozen.eta],
      [true, false, 0, null],
    );
    await draw();
    assert.equal((await progressOf('frozen')).active, false);
  });
});

describe('successes that are none', () => {
  const { spoiled, sketch, draw } = sketchForTests();
  const answerTo = async (kind: MisbehaviourKind, body: Record<string, unknown> = {}) => {
    const response = await spoiled({ kind: spoils(kind) }, body);
    assert.equal(response.status, 200);
    const answer = await jsonOf<Answer>(response);
    return { ...answer, details: JSON.parse(answer.info) as Info };
  };

  it('wrong_count has one too many, or one too few', async () => {
    assert.equal((await answerTo('wrong_count')).images.length, 2);
    assert.equal((await answerTo('wrong_count', { batch_size: 3 })).images.length, 2);
  });

  it('wrong_size is not what was asked, whatever info says', async () => {
    const { images, details } = await answerTo('wrong_size');
    assert.deepEqual(await sizeOf(images[0]), ['png', 128, 64]);
    assert.equal(details.width, 64);
  });

  it('undecodable is good base64 of no picture', async () => {
    const [image] = (await answerTo('undecodable')).images;
    assert.equal(bytesOf(image).toString('base64'), image);
    await assert.rejects(sizeOf(image));
  });

  it('not_base64 is not', async () => {
    assert.doesNotMatch((await answerTo('not_base64')).images[0] ?? '', /^[A-Za-z0-9+/=]+$/);
  });

  it('truncated_png begins well and ends early', async () => {
    const bytes = bytesOf((await answerTo('truncated_png')).images[0]);
    assert.equal(bytes.toString('latin1', 1, 4), 'PNG');
    assert.ok(!bytes.includes('IEND'));
  });

  it('wrong_model draws with another model and says so', async () => {
    const { details } = await answerTo('wrong_model', {
      override_settings: { sd_model_checkpoint: 'sketch-v1' },
    });
    assert.equal(details.sd_model_name, 'sketch-v2');
    assert.equal(sketch.state().jobs.at(-1)?.model, 'sketch-v2');
  });

  it('half_denoised looks like an interrupt by someone else', async () => {
    const [finished] = (await draw()).images;
    const [half] = (await answerTo('half_denoised')).images;
    assert.notEqual(half, finished);
    assert.equal(sketch.state().jobs.at(-1)?.outcome, 'interrupted');
  });

  it('grid_first puts a grid at index 0', async () => {
    const { images, details } = await answerTo('grid_first', { batch_size: 3 });
    assert.equal(details.index_of_first_image, 1);
    assert.equal(images.length, 4);
    assert.equal(details.infotexts.length, 4);
    assert.deepEqual(await sizeOf(images[0]), ['png', 128, 128]);
    assert.deepEqual(await sizeOf(images[1]), ['png', 64, 64]);
  });

  it('jpg and webp come unasked', async () => {
    assert.equal((await sizeOf((await answerTo('jpg')).images[0]))[0], 'jpeg');
    assert.equal((await sizeOf((await answerTo('webp')).images[0]))[0], 'webp');
  });
});

describe('connections that break', () => {
  const { spoiled, sketch, url, txt2img, progressOf } = sketchForTests();

  it('never_answer holds the request until the client leaves', async () => {
    sketch.misbehave({ kind: spoils('never_answer') });
    const leave = new AbortController();
    const request = fetch(`${url()}/sdapi/v1/txt2img`, {
      method: 'POST',
      body: '{}',
      signal: leave.signal,
    });
    await until(
      () => sketch.state(),
      ({ in_flight: held, misbehaviours }) => held === 1 && !misbehaviours.length,
    );
    leave.abort();
    await assert.rejects(request, { name: 'AbortError' });
    await until(
      () => sketch.state().in_flight,
      (held) => held === 0,
    );
    assert.equal(sketch.state().jobs.length, 0);
  });

  it('drip sends headers, then a few bytes at a time', async () => {
    const response = await spoiled({ kind: spoils('drip'), bytesPerSecond: 100 });
    assert.equal(response.status, 200);
    const reader = response.body?.getReader();
    const first = await reader?.read();
    assert.ok(first?.value && first.value.length < 100);
    assert.ok(Number(response.headers.get('content-length')) > 1000);
    await reader?.cancel();
  });

  it('drip arrives whole in the end', async () => {
    const response = await spoiled({ kind: 'drip', bytesPerSecond: 1_000_000 });
    assert.equal((await jsonOf<Answer>(response)).images.length, 1);
  });

  it('reset_before_headers draws for nothing', async () => {
    const answer = spoiled(
      { kind: spoils('reset_before_headers') },
      { force_task_id: 'lost-answer' },
    );
    await assert.rejects(answer, { message: 'fetch failed' });
    assert.equal((await progressOf('lost-answer')).completed, true);
    assert.equal(sketch.state().jobs.at(-1)?.outcome, 'done');
  });

  it('reset_mid_body breaks off', async () => {
    const response = await spoiled({ kind: spoils('reset_mid_body') });
    assert.equal(response.status, 200);
    await assert.rejects(response.text());
  });

  it('oversized_body is as large as ordered', async () => {
    const response = await spoiled({ kind: spoils('oversized_body'), bytes: 300_000 });
    const body = await response.text();
    assert.ok(body.length > 300_000 && body.length < 300_100);
    assert.ok((JSON.parse(body) as Answer).images[0]?.length === 300_000);
  });

  it('slow takes its own time per step', async () => {
    sketch.misbehave({ kind: spoils('slow'), stepMs: 3_600_000 });
    const answer = txt2img({ force_task_id: 'slow' });
    const seen = await until(
      () => progressOf('slow'),
      ({ active }) => active,
    );
    assert.equal(seen.progress, 0);
    const waiting = txt2img({ force_task_id: 'behind-slow' });
    await until(
      () => sketch.state().queued,
      (queued) => queued.includes('behind-slow'),
    );
    await Promise.all([assert.rejects(answer), assert.rejects(waiting), sketch.restart(0)]);
    assert.deepEqual(
      sketch
        .state()
        .jobs.slice(-2)
        .map(({ outcome }) => outcome),
      ['lost', 'lost'],
    );
  });
});

describe('restart', () => {
  const { spoiled, sketch, txt2img, progressOf, draw, get } = sketchForTests();

  it('drops jobs and sockets, refuses for a while, and comes back empty at the same address', async () => {
    await draw({
      force_task_id: 'before',
      override_settings: { sd_model_checkpoint: 'sketch-v2' },
    });
    assert.equal((await progressOf('before')).completed, true);
    await assert.rejects(
      spoiled({ kind: spoils('restart'), ms: 300 }, { force_task_id: 'middle' }),
    );
    const refused = await txt2img().then(
      () => undefined,
      (error: Error) => error.cause as NodeJS.ErrnoException,
    );
    assert.equal(refused?.code, 'ECONNREFUSED');
    await until(
      () =>
        get('/internal/ping').then(
          ({ ok }) => ok,
          () => false,
        ),
      (ok) => ok,
    );
    assert.equal((await progressOf('before')).completed, false);
    assert.equal((await progressOf('middle')).active, false);
    assert.deepEqual(
      sketch.state().jobs.map(({ outcome }) => outcome),
      ['done', 'lost'],
    );
    assert.equal((await txt2img()).status, 200);
  });
});

describe('closing', () => {
  it('drops a held request and can be repeated', async () => {
    const sketch = createSketch();
    const url = await sketch.listen();
    sketch.misbehave({ kind: 'never_answer' });
    const held = assert.rejects(fetch(`${url}/sdapi/v1/txt2img`, { method: 'POST', body: '{}' }));
    await until(
      () => sketch.state().in_flight,
      (count) => count === 1,
    );
    await sketch.close();
    await held;
    await sketch.close();
  });
});

describe('this file', () => {
  it('tests every kind', () => {
    assert.deepEqual([...tested].toSorted(), [...MISBEHAVIOURS].toSorted());
  });
});
