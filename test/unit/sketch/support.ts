import { afterAll, beforeAll } from '@jest/globals';
import sharp from 'sharp';
import type { MisbehaviourInput } from '../../../src/sketch/misbehaviour.js';
import type { SketchOptions } from '../../../src/sketch/options.js';
import { createSketch, type Sketch } from '../../../src/sketch/sketch-server.js';

export interface Answer {
  images: string[];
  parameters: Record<string, unknown>;
  info: string;
}

export interface Info {
  seed: number;
  all_seeds: number[];
  sd_model_name: string;
  sd_model_hash: string;
  width: number;
  height: number;
  index_of_first_image: number;
  infotexts: string[];
}

export interface TaskProgress {
  active: boolean;
  queued: boolean;
  completed: boolean;
  progress: number | null;
  eta: number | null;
  live_preview: string | null;
  id_live_preview: number;
  textinfo: string | null;
}

export interface GlobalProgress {
  progress: number;
  eta_relative: number;
  state: {
    job: string;
    job_no: number;
    job_count: number;
    sampling_step: number;
    sampling_steps: number;
    interrupted: boolean;
    skipped: boolean;
    job_timestamp: string;
  };
  current_image: null;
}

/** A small picture in few steps; tests say what they care about. */
export const quick = { prompt: 'a quiet lake', seed: 1, steps: 6, width: 64, height: 64 };

/** An engine for the tests of one `describe`, with calls to it. */
export function sketchForTests(options: Partial<SketchOptions> = {}) {
  const sketch: Sketch = createSketch({ stepMs: 0, modelSwitchMs: 0, ...options });
  let url = '';
  beforeAll(async () => {
    url = await sketch.listen();
  });
  afterAll(() => sketch.close());

  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(url + path, { headers });
  const post = (path: string, body?: unknown, headers: Record<string, string> = {}) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    });
  const txt2img = (body: Record<string, unknown> = {}) =>
    post('/sdapi/v1/txt2img', { ...quick, ...body });

  return {
    sketch,
    get,
    post,
    txt2img,
    url: () => url,
    draw: async (body: Record<string, unknown> = {}): Promise<Answer & { details: Info }> => {
      const answer = await jsonOf<Answer>(await txt2img(body));
      return { ...answer, details: JSON.parse(answer.info) as Info };
    },
    spoiled: (order: MisbehaviourInput, body: Record<string, unknown> = {}): Promise<Response> => {
      sketch.misbehave(order);
      return txt2img(body);
    },
    progressOf: async (idTask: string): Promise<TaskProgress> =>
      jsonOf(await post('/internal/progress', { id_task: idTask, live_preview: false })),
    progress: async (): Promise<GlobalProgress> =>
      jsonOf(await get('/sdapi/v1/progress?skip_current_image=true')),
  };
}

export async function jsonOf<T>(response: Response): Promise<T> {
  return (await response.json()) as T;
}

/** Asks again and again until the answer is there; the test runner's own limit ends a vain wait. */
export async function until<T>(
  ask: () => T | Promise<T>,
  wanted: (value: T) => boolean,
): Promise<T> {
  for (;;) {
    const value = await ask();
    if (wanted(value)) return value;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export function bytesOf(image: string | undefined): Buffer {
  return Buffer.from(image ?? '', 'base64');
}

export async function sizeOf(image: string | undefined): Promise<[string, number, number]> {
  const { format, width, height } = await sharp(bytesOf(image)).metadata();
  return [format, width, height];
}
