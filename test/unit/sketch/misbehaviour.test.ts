import { describe, expect, it } from '@jest/globals';
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

describe('ordered misbehaviours', () => {
  const { sketch, get, post, txt2img, url } = sketchForTests();

  it('spoil as many requests as ordered, then none', async () => {
    const ordered = await post('/sketch/misbehave', { kind: 'status_503', times: 2 });
    expect(ordered.status).toBe(200);
    const state = await jsonOf<{ misbehaviours: { kind: string; times: number }[] }>(
      await get('/sketch/state'),
    );
    expect(state.misbehaviours.map(({ kind, times }) => [kind, times])).toEqual([
      ['status_503', 2],
    ]);
    const seen = [await txt2img(), await txt2img(), await txt2img()].map(({ status }) => status);
    expect(seen).toEqual([503, 503, 200]);
    expect(sketch.state().requests).toBe(3);
  });

  it('come in the order given, and can be cleared', async () => {
    sketch.misbehave({ kind: 'status_502' });
    sketch.misbehave({ kind: 'status_504' });
    expect((await txt2img()).status).toBe(502);
    await fetch(`${url()}/sketch/misbehave`, { method: 'DELETE' });
    expect(sketch.state().misbehaviours).toEqual([]);
    expect((await txt2img()).status).toBe(200);
  });

  it('must have a known name', async () => {
    expect((await post('/sketch/misbehave', { kind: 'sulk' })).status).toBe(422);
    expect((await post('/sketch/misbehave', { kind: 'drip', speed: 3 })).status).toBe(422);
    expect(() => sketch.misbehave({ kind: 'drip', times: 0 })).toThrow();
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
      expect(response.status).toBe(status);
      expect(await response.text()).toMatch(body);
    });
  }

  it('rate_limited says when to try again', async () => {
    const response = await spoiled({ kind: spoils('rate_limited'), retryAfterSeconds: 7 });
    expect(response.status).toBe(429);
    expect(response.headers.get('retry-after')).toBe('7');
  });

  it('oom_a1111 fails a job, and its progress ends', async () => {
    expect(sketch.state().jobs[0]?.outcome).toBe('failed');
  });
});

describe('oom_then_frozen_progress', () => {
  const { spoiled, draw, progressOf } = sketchForTests();
  it('keeps the job active at 0 until another job begins', async () => {
    const response = await spoiled(
      { kind: spoils('oom_then_frozen_progress') },
      { force_task_id: 'frozen' },
    );
    expect(response.status).toBe(500);
    const frozen = await progressOf('frozen');
    expect([frozen.active, frozen.completed, frozen.progress, frozen.eta]).toEqual([
      true,
      false,
      0,
      null,
    ]);
    await draw();
    expect((await progressOf('frozen')).active).toBe(false);
  });
});

describe('successes that are false', () => {
  const { spoiled, sketch, draw } = sketchForTests();
  const answerTo = async (kind: MisbehaviourKind, body: Record<string, unknown> = {}) => {
    const response = await spoiled({ kind: spoils(kind) }, body);
    expect(response.status).toBe(200);
    const answer = await jsonOf<Answer>(response);
    return { ...answer, details: JSON.parse(answer.info) as Info };
  };

  it('wrong_count has one picture too many or too few', async () => {
    expect((await answerTo('wrong_count')).images.length).toBe(2);
    expect((await answerTo('wrong_count', { batch_size: 3 })).images.length).toBe(2);
  });

  it('wrong_size is not the requested size, whatever info says', async () => {
    const { images, details } = await answerTo('wrong_size');
    expect(await sizeOf(images[0])).toEqual(['png', 128, 64]);
    expect(details.width).toBe(64);
  });

  it('undecodable is valid base64 that is not a picture', async () => {
    const [image] = (await answerTo('undecodable')).images;
    expect(bytesOf(image).toString('base64')).toBe(image);
    await expect(sizeOf(image)).rejects.toThrow();
  });

  it('not_base64 is not valid base64', async () => {
    expect((await answerTo('not_base64')).images[0] ?? '').not.toMatch(/^[A-Za-z0-9+/=]+$/);
  });

  it('truncated_png begins well and ends early', async () => {
    const bytes = bytesOf((await answerTo('truncated_png')).images[0]);
    expect(bytes.toString('latin1', 1, 4)).toBe('PNG');
    expect(bytes.includes('IEND')).toBe(false);
  });

  it('wrong_model draws with another model and says so', async () => {
    const { details } = await answerTo('wrong_model', {
      override_settings: { sd_model_checkpoint: 'sketch-v1' },
    });
    expect(details.sd_model_name).toBe('sketch-v2');
    expect(sketch.state().jobs.at(-1)?.model).toBe('sketch-v2');
  });

  it('half_denoised looks like an interrupt by someone else', async () => {
    const [finished] = (await draw()).images;
    const [half] = (await answerTo('half_denoised')).images;
    expect(half).not.toBe(finished);
    expect(sketch.state().jobs.at(-1)?.outcome).toBe('interrupted');
  });

  it('grid_first puts a grid at index 0', async () => {
    const { images, details } = await answerTo('grid_first', { batch_size: 3 });
    expect(details.index_of_first_image).toBe(1);
    expect(images.length).toBe(4);
    expect(details.infotexts.length).toBe(4);
    expect(await sizeOf(images[0])).toEqual(['png', 128, 128]);
    expect(await sizeOf(images[1])).toEqual(['png', 64, 64]);
  });

  it('jpg and webp come without being requested', async () => {
    expect((await sizeOf((await answerTo('jpg')).images[0]))[0]).toBe('jpeg');
    expect((await sizeOf((await answerTo('webp')).images[0]))[0]).toBe('webp');
  });
});

describe('connections that break', () => {
  const { spoiled, sketch, url, txt2img, progressOf } = sketchForTests();

  it('never_answer holds the request until the client disconnects', async () => {
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
    await expect(request).rejects.toMatchObject({ name: 'AbortError' });
    await until(
      () => sketch.state().in_flight,
      (held) => held === 0,
    );
    expect(sketch.state().jobs.length).toBe(0);
  });

  it('drip sends headers, then a few bytes at a time', async () => {
    const response = await spoiled({ kind: spoils('drip'), bytesPerSecond: 100 });
    expect(response.status).toBe(200);
    const reader = response.body?.getReader();
    const first = await reader?.read();
    expect(first?.value && first.value.length < 100).toBeTruthy();
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(1000);
    await reader?.cancel();
  });

  it('drip arrives complete in the end', async () => {
    const response = await spoiled({ kind: 'drip', bytesPerSecond: 1_000_000 });
    expect((await jsonOf<Answer>(response)).images.length).toBe(1);
  });

  it('reset_before_headers draws, but never answers', async () => {
    const answer = spoiled(
      { kind: spoils('reset_before_headers') },
      { force_task_id: 'lost-answer' },
    );
    await expect(answer).rejects.toMatchObject({ message: 'fetch failed' });
    expect((await progressOf('lost-answer')).completed).toBe(true);
    expect(sketch.state().jobs.at(-1)?.outcome).toBe('done');
  });

  it('reset_mid_body breaks off', async () => {
    const response = await spoiled({ kind: spoils('reset_mid_body') });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  it('oversized_body is as large as ordered', async () => {
    const response = await spoiled({ kind: spoils('oversized_body'), bytes: 300_000 });
    const body = await response.text();
    expect(body.length > 300_000 && body.length < 300_100).toBe(true);
    expect((JSON.parse(body) as Answer).images[0]?.length === 300_000).toBe(true);
  });

  it('slow takes its own time per step', async () => {
    sketch.misbehave({ kind: spoils('slow'), stepMs: 3_600_000 });
    const answer = txt2img({ force_task_id: 'slow' });
    const seen = await until(
      () => progressOf('slow'),
      ({ active }) => active,
    );
    expect(seen.progress).toBe(0);
    const waiting = txt2img({ force_task_id: 'behind-slow' });
    await until(
      () => sketch.state().queued,
      (queued) => queued.includes('behind-slow'),
    );
    await Promise.all([
      expect(answer).rejects.toThrow(),
      expect(waiting).rejects.toThrow(),
      sketch.restart(0),
    ]);
    expect(
      sketch
        .state()
        .jobs.slice(-2)
        .map(({ outcome }) => outcome),
    ).toEqual(['lost', 'lost']);
  });
});

describe('restart', () => {
  const { spoiled, sketch, txt2img, progressOf, draw, get } = sketchForTests();

  it('drops jobs and sockets, refuses for a while, and comes back empty at the same address', async () => {
    await draw({
      force_task_id: 'before',
      override_settings: { sd_model_checkpoint: 'sketch-v2' },
    });
    expect((await progressOf('before')).completed).toBe(true);
    await expect(
      spoiled({ kind: spoils('restart'), ms: 300 }, { force_task_id: 'middle' }),
    ).rejects.toThrow();
    const refused = await txt2img().then(
      () => undefined,
      (error: Error) => error.cause as NodeJS.ErrnoException,
    );
    expect(refused?.code).toBe('ECONNREFUSED');
    await until(
      () =>
        get('/internal/ping').then(
          ({ ok }) => ok,
          () => false,
        ),
      (ok) => ok,
    );
    expect((await progressOf('before')).completed).toBe(false);
    expect((await progressOf('middle')).active).toBe(false);
    expect(sketch.state().jobs.map(({ outcome }) => outcome)).toEqual(['done', 'lost']);
    expect((await txt2img()).status).toBe(200);
  });
});

describe('closing', () => {
  it('drops a held request and can be repeated', async () => {
    const sketch = createSketch();
    const url = await sketch.listen();
    sketch.misbehave({ kind: 'never_answer' });
    const held = expect(
      fetch(`${url}/sdapi/v1/txt2img`, { method: 'POST', body: '{}' }),
    ).rejects.toThrow();
    await until(
      () => sketch.state().in_flight,
      (count) => count === 1,
    );
    await sketch.close();
    await held;
    await sketch.close();
  });
});

describe('this test file', () => {
  it('tests every kind', () => {
    expect([...tested].toSorted()).toEqual([...MISBEHAVIOURS].toSorted());
  });
});
