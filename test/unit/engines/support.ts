import { atTestEnd } from '../../support/at-test-end.js';
import type { A1111Options } from '../../../src/features/image-generation/engines/a1111-options.js';
import { A1111Engine } from '../../../src/features/image-generation/engines/a1111-engine.js';
import { EngineError } from '../../../src/features/image-generation/engines/engine-errors.js';
import type {
  EngineCall,
  EngineResult,
  ImageEngine,
  Txt2ImgRequest,
} from '../../../src/features/image-generation/engines/image-engine.js';
import type { SketchOptions } from '../../../src/sketch/options.js';
import { createSketch, type Sketch } from '../../../src/sketch/sketch-server.js';
import { eventually } from '../../support/eventually.js';

/** Long enough that a test which waits for it fails by the runner's own limit. */
export const never = 3_600_000;

/** Asks often, and gives up never but where the test says so. */
const testOptions: A1111Options = {
  totalMs: never,
  idleMs: never,
  askMs: 10_000,
  pollMs: 5,
  orphanMs: never,
};

export interface Drawing extends Partial<Omit<EngineCall, 'signal'>> {
  signal?: AbortSignal;
  request?: Partial<Txt2ImgRequest>;
}

export const small: Txt2ImgRequest = {
  prompt: 'a quiet lake',
  negativePrompt: '',
  width: 64,
  height: 64,
  steps: 8,
  cfgScale: 7,
  seed: 1,
  batchSize: 1,
};

export async function startSketch(
  options: Partial<SketchOptions> = {},
): Promise<{ sketch: Sketch; url: string }> {
  const sketch = createSketch({ stepMs: 0, modelSwitchMs: 0, ...options });
  const url = await sketch.listen();
  atTestEnd(() => sketch.close());
  return { sketch, url };
}

export function client(
  url: string,
  options: Partial<A1111Options> = {},
  requestsInFlight = 2,
): A1111Engine {
  return new A1111Engine(url, requestsInFlight, { ...testOptions, ...options });
}

export function draw(
  engine: ImageEngine,
  { request, signal, ...call }: Drawing = {},
): Promise<EngineResult> {
  return engine.txt2img(
    { ...small, ...request },
    {
      jobId: 'task(one-a1)',
      earlierJobIds: [],
      signal: signal ?? new AbortController().signal,
      ...call,
    },
  );
}

/** A stand-in engine and a client of it. */
export async function startEngine(
  sketchOptions: Partial<SketchOptions> = {},
  options: Partial<A1111Options> = {},
  requestsInFlight = 2,
) {
  const { sketch, url } = await startSketch(sketchOptions);
  const engine = client(url, options, requestsInFlight);
  return { sketch, url, engine, draw: (drawing?: Drawing) => draw(engine, drawing) };
}

/** @returns the error; a success, or an error of another class, fails the test */
export async function errorOf(call: Promise<unknown>): Promise<EngineError> {
  const outcome = await call.then(
    () => new Error('The call was expected to fail.'),
    (error: unknown) => error,
  );
  if (outcome instanceof EngineError) return outcome;
  throw outcome;
}

/** A request by somebody who is not our client, and leaves it when told. */
export function drawAsStranger(
  url: string,
  idTask: string,
  { steps = 8, signal }: { steps?: number; signal?: AbortSignal } = {},
): Promise<number> {
  return fetch(`${url}/sdapi/v1/txt2img`, {
    method: 'POST',
    body: JSON.stringify({ force_task_id: idTask, steps, width: 64, height: 64 }),
    signal: signal ?? null,
  }).then(async (response) => {
    await response.arrayBuffer();
    return response.status;
  });
}

export function jobOf(sketch: Sketch, idTask: string) {
  return sketch.state().jobs.find((job) => job.id_task === idTask);
}

export function becomesActive(sketch: Sketch, idTask: string): Promise<true> {
  return eventually(`${idTask} is drawn`, () => sketch.state().active === idTask);
}

export function becomesQueued(sketch: Sketch, idTask: string): Promise<true> {
  return eventually(`${idTask} waits`, () => sketch.state().queued.includes(idTask));
}

export function ends(sketch: Sketch, idTask: string) {
  return eventually(`${idTask} ends`, () => {
    const job = jobOf(sketch, idTask);
    return job && job.finished_at_ms !== null && job.outcome;
  });
}
