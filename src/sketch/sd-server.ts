import { randomInt } from 'node:crypto';
import { z } from 'zod';
import { ApiError } from './api-error.js';
import type { SamplerChoice } from './catalog.js';
import { infotext, type InfoParts } from './infotext.js';
import type { Txt2ImgRequest } from './txt2img-request.js';

/** How stable-diffusion.cpp's `sd-server` handles a request: it refuses little and changes much. */

const LARGEST_SEED = 2 ** 31 - 1;
const MOST_STEPS = 100;
/** Of models of the kind SD 1.x and SDXL. */
const SIDE_MULTIPLE = 64;

export const sdServerSamplers = [
  'euler',
  'euler_a',
  'heun',
  'dpm2',
  'dpm++2s_a',
  'dpm++2m',
  'dpm++2mv2',
  'ipndm',
  'lcm',
  'ddim_trailing',
  'tcd',
  'res_multistep',
];
/** Other names that it takes, and does not list. */
const UNLISTED: Record<string, string> = {
  'euler a': 'euler_a',
  k_euler_a: 'euler_a',
  k_euler: 'euler',
  k_heun: 'heun',
  'dpm++ 2m': 'dpm++2m',
  k_dpmpp_2m: 'dpm++2m',
  ddim: 'ddim_trailing',
};
export const sdServerSchedulers = [
  'discrete',
  'normal',
  'karras',
  'exponential',
  'ays',
  'gits',
  'sgm_uniform',
  'simple',
];

/** A request as the server understood it, and how it tells what it did. */
export interface ReadRequest {
  request: Txt2ImgRequest;
  sampler: SamplerChoice;
  seed: number;
  info: (parts: InfoParts) => string;
}

/** In a prompt, between its tags: the native API's fields, which win over all others. */
const extraArgs = z.object({
  seed: z.int().optional(),
  width: z.int().positive().optional(),
  height: z.int().positive().optional(),
  batch_count: z.int().positive().optional(),
  sample_params: z.object({ sample_steps: z.int().positive().optional() }).optional(),
});
const EXTRA_ARGS = /<sd_cpp_extra_args>(.*?)<\/sd_cpp_extra_args>/;

/** @throws ApiError 400 */
export function asSdServerReads(asked: Txt2ImgRequest): ReadRequest {
  if (asked.prompt === '') throw badRequest('prompt required');
  const told = withExtraArgs(asked);
  const seed = told.seed < 0 || told.seed > LARGEST_SEED ? randomInt(LARGEST_SEED) : told.seed;
  const request = {
    ...told,
    n_iter: 1,
    steps: Math.min(told.steps, MOST_STEPS),
    width: roundedUp(told.width),
    height: roundedUp(told.height),
    // One model: whatever is asked for, that one draws.
    override_settings: {},
  };
  const sampler = {
    sampler: samplerOf(asked.sampler_name ?? ''),
    scheduler: schedulerOf(asked.scheduler ?? ''),
  };
  const info = (parts: InfoParts) => sdServerInfo(told, { ...parts, request });
  return { request, sampler, seed, info };
}

function withExtraArgs(asked: Txt2ImgRequest): Txt2ImgRequest {
  const found = EXTRA_ARGS.exec(asked.prompt)?.[1];
  if (found === undefined) return asked;
  const extra = extraArgs.safeParse(json(found));
  if (!extra.success) throw badRequest('invalid sd_cpp_extra_args');
  const { seed, width, height, batch_count, sample_params } = extra.data;
  return {
    ...asked,
    prompt: asked.prompt.replaceAll(new RegExp(EXTRA_ARGS, 'g'), ''),
    seed: seed ?? asked.seed,
    width: width ?? asked.width,
    height: height ?? asked.height,
    batch_size: batch_count ?? asked.batch_size,
    steps: sample_params?.sample_steps ?? asked.steps,
  };
}

/** `NONE` is what it says of the sampler when it did not know the name; then the model's own draws. */
function samplerOf(name: string): string {
  if (sdServerSamplers.includes(name)) return name;
  return UNLISTED[name.toLowerCase()] ?? 'NONE';
}

function schedulerOf(name: string): string {
  if (name === 'normal') return 'discrete';
  return sdServerSchedulers.includes(name) ? name : 'NONE';
}

function roundedUp(side: number): number {
  return Math.ceil(side / SIDE_MULTIPLE) * SIDE_MULTIPLE;
}

/** It reports the size that was asked for, not the size that it drew. */
function sdServerInfo({ width, height }: Txt2ImgRequest, parts: InfoParts): string {
  const { request, sampler, checkpoint, seed } = parts;
  const each = Array.from({ length: request.batch_size }, (_, i) => i);
  return JSON.stringify({
    prompt: request.prompt,
    seed,
    cfg_scale: request.cfg_scale,
    width,
    height,
    steps: request.steps,
    sampler_name: sampler.sampler,
    ...(sampler.scheduler !== 'NONE' && {
      extra_generation_params: { 'Schedule type': sampler.scheduler },
    }),
    sd_model_name: `${checkpoint.model_name}.safetensors`,
    version: 'stable-diffusion.cpp',
    infotexts: each.map((i) => infotext(parts, i)),
    all_prompts: each.map(() => request.prompt),
    all_negative_prompts: each.map(() => request.negative_prompt),
    all_seeds: each.map((i) => seed + i),
  });
}

function badRequest(error: string): ApiError {
  return new ApiError(400, { error });
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
