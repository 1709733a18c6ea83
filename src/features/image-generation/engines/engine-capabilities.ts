import { findListed, findModel, nearest, type Listed } from './engine-names.js';
import type { EngineCapabilities, EngineLimits, Txt2ImgRequest } from './image-engine.js';

/** A field of the request, by its name in our API, and why the server does not support its value. */
export interface Unsupported {
  path: string;
  message: string;
}

/** This name means whatever the server would choose by default. */
const noChoice = /^(default|automatic)$/i;

/** @returns fields that the server is known not to support; empty when it supports all, or its capabilities are unknown */
export function unsupported(asked: Txt2ImgRequest, can: EngineCapabilities): Unsupported[] {
  return [...unknownNames(asked, can), ...beyondLimits(asked, can.limits)];
}

function unknownNames(asked: Txt2ImgRequest, can: EngineCapabilities): Unsupported[] {
  const found: Unsupported[] = [];
  const miss = (path: string, name: string, names: string[]) =>
    found.push({
      path,
      message: `is not known here; closest names: ${nearest(name, names).join(', ')}`,
    });
  const { model, scheduler } = asked;
  const { samplerName } = asked;
  if (model !== undefined && can.models && !findModel(can.models, model)) {
    miss(
      'model',
      model,
      can.models.map(({ name }) => name),
    );
  }
  if (samplerName !== undefined && can.samplers && !findSampler(samplerName, can)) {
    miss(
      'sampler_name',
      samplerName,
      can.samplers.map(({ name }) => name),
    );
  }
  if (scheduler !== undefined && can.schedulers && !findListed(can.schedulers, scheduler)) {
    if (!noChoice.test(scheduler))
      miss(
        'scheduler',
        scheduler,
        can.schedulers.map(({ name }) => name),
      );
  }
  return found;
}

function beyondLimits(
  { width, height, steps, batchSize, seed }: Txt2ImgRequest,
  {
    sideMultiple = 1,
    maxSide = Infinity,
    maxSteps = Infinity,
    maxBatch = Infinity,
    maxSeed = Infinity,
  }: EngineLimits,
): Unsupported[] {
  const found: Unsupported[] = [];
  const atMost = (path: string, value: number, most: number) => {
    if (value > most) found.push({ path, message: `is over ${most}, the most here` });
  };
  for (const [path, side] of Object.entries({ width, height })) {
    atMost(path, side, maxSide);
    if (side % sideMultiple !== 0) {
      found.push({ path, message: `must be a multiple of ${sideMultiple} here` });
    }
  }
  atMost('steps', steps, maxSteps);
  atMost('batch_size', batchSize, maxBatch);
  atMost('seed', seed, maxSeed - (batchSize - 1));
  return found;
}

interface SamplerChoice {
  sampler: Listed;
  /** The scheduler that follows the sampler's name, as in `DPM++ 2M Karras`. */
  scheduler?: Listed;
}

function findSampler(asked: string, can: EngineCapabilities): SamplerChoice | undefined {
  const sampler = findListed(can.samplers ?? [], asked);
  if (sampler) return { sampler };
  for (const { index } of asked.matchAll(/ /g)) {
    const bare = findListed(can.samplers ?? [], asked.slice(0, index));
    const scheduler = bare && findListed(can.schedulers ?? [], asked.slice(index + 1));
    if (scheduler) return { sampler: bare, scheduler };
  }
  return undefined;
}

/** Translates the request into the server's own names: some servers know a name only as they list it. */
export function asListed(
  asked: Txt2ImgRequest,
  can: EngineCapabilities | undefined,
): Txt2ImgRequest {
  if (!can) return asked;
  const listed = { ...asked };
  const choice = asked.samplerName === undefined ? undefined : findSampler(asked.samplerName, can);
  if (choice) listed.samplerName = choice.sampler.name;
  const scheduler =
    choice?.scheduler ??
    (asked.scheduler === undefined ? undefined : findListed(can.schedulers ?? [], asked.scheduler));
  if (scheduler) listed.scheduler = scheduler.name;
  else if (can.schedulers && !isChoice(asked.scheduler)) delete listed.scheduler;
  const model = asked.model === undefined ? undefined : findModel(can.models ?? [], asked.model);
  if (model && ![model.title, model.name, ...model.aliases].includes(asked.model!)) {
    listed.model = model.title;
  }
  return listed;
}

/** @returns whether the server reports that it used another one; judges only names that it lists */
export function isAnother(list: Listed[] | undefined, asked: string, used: string): boolean {
  if (!list || noChoice.test(asked)) return false;
  const [wanted, said] = [findListed(list, asked), findListed(list, used)];
  return wanted !== undefined && said !== undefined && wanted !== said;
}

export function isChoice(asked: string | undefined): asked is string {
  return asked !== undefined && !noChoice.test(asked);
}
