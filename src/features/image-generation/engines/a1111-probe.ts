import { z } from 'zod';
import type { A1111Http } from './a1111-http.js';
import { refusal } from './a1111-refusal.js';
import { isStatus, type A1111Status } from './a1111-status.js';
import { EngineError } from './engine-error.js';
import type { EngineCapabilities } from './image-engine.js';

const models = z.array(z.object({ title: z.string() }));

/** @throws EngineError when the server cannot be reached, or is none of this family */
export async function capabilitiesOf(
  http: A1111Http,
  said: A1111Status,
  askMs: number,
  signal?: AbortSignal,
): Promise<EngineCapabilities> {
  const { status, data, headers } = await http.get('/sdapi/v1/sd-models', askMs, { signal });
  if (status !== 200) throw refusal(http.url, status, data, headers['retry-after']);
  const listed = models.safeParse(data);
  if (!listed.success) throw new EngineError('misconfigured', `${http.url} lists no models.`);
  const globalProgress = isStatus(await said.global(signal));
  return {
    taskProgress: isStatus(await said.task('task(probe)', signal)),
    globalProgress,
    interrupt: globalProgress,
    models: listed.data.map((model) => model.title),
  };
}

/** @throws EngineError when the server is not there, or refuses us */
export async function answers(http: A1111Http, askMs: number, signal?: AbortSignal): Promise<void> {
  const { status, data, headers } = await http.get('/sdapi/v1/sd-models', askMs, { signal });
  if (status !== 200) throw refusal(http.url, status, data, headers['retry-after']);
}

/** The stand-in says so. @returns undefined when the server did not answer */
export async function isSketch(
  http: A1111Http,
  askMs: number,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const answer = await http.get('/sketch/state', askMs, { signal }).catch(() => undefined);
  return answer && answer.status === 200 && 'max_in_flight' in Object(answer.data);
}
