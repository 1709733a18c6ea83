import type { A1111Http } from './a1111-http.js';
import { askForNames, readModels, sdServerLimits, withUnlisted } from './a1111-lists.js';
import { isPage, refusal } from './a1111-refusal.js';
import { isStatus, type A1111Status } from './a1111-status.js';
import { EngineError } from './engine-errors.js';
import type { EngineCapabilities } from './image-engine.js';

/** Sends one request after the other, over one connection. @throws EngineError when the server is unreachable or not of this family */
export async function capabilitiesOf(
  http: A1111Http,
  said: A1111Status,
  askMs: number,
): Promise<EngineCapabilities> {
  const listed = await askForModels(http, askMs);
  const models = readModels(listed);
  if (!models) throw new EngineError('misconfigured', `${http.url} lists no models.`);
  const samplers = await askForNames(http, '/sdapi/v1/samplers', askMs);
  const schedulers = await askForNames(http, '/sdapi/v1/schedulers', askMs);
  const globalProgress = isStatus(await said.global());
  const limits = await sdServerLimits(http, listed, !globalProgress, askMs);
  return {
    taskProgress: isStatus(await said.task('task(probe)')),
    globalProgress,
    interrupt: globalProgress,
    models: models.length > 0 ? models : undefined,
    samplers: limits ? withUnlisted(samplers) : samplers,
    schedulers: limits ? withUnlisted(schedulers) : schedulers,
    limits: limits ?? {},
  };
}

/** @throws EngineError when the server is down or refuses us */
export async function answers(http: A1111Http, askMs: number, signal?: AbortSignal): Promise<void> {
  await askForModels(http, askMs, signal);
}

async function askForModels(
  http: A1111Http,
  askMs: number,
  signal?: AbortSignal,
): Promise<unknown> {
  const { status, data, headers } = await http.get('/sdapi/v1/sd-models', askMs, { signal });
  if (status !== 200 || isPage(data)) {
    throw refusal(http.url, status, data, headers['retry-after']);
  }
  if (!Array.isArray(data)) throw new EngineError('misconfigured', `${http.url} lists no models.`);
  return data;
}

/** Whether the server is the stand-in, which says so. @returns undefined when the server did not answer */
export async function isSketch(
  http: A1111Http,
  askMs: number,
  signal: AbortSignal,
): Promise<boolean | undefined> {
  const answer = await http.get('/sketch/state', askMs, { signal }).catch(() => undefined);
  return answer && answer.status === 200 && 'max_in_flight' in Object(answer.data);
}
