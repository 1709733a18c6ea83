import type { Checkpoint } from './checkpoints.js';
import type { SamplerChoice } from './catalog.js';
import type { Txt2ImgRequest } from './txt2img-request.js';

export interface InfoParts {
  request: Txt2ImgRequest;
  sampler: SamplerChoice;
  checkpoint: Checkpoint;
  seed: number;
  firstImage: number;
  jobTimestamp: string;
}

/** The text A1111 stores in the picture, from which it can be made again. */
export function infotext({ request, sampler, checkpoint, seed }: InfoParts, index = 0): string {
  const settings = {
    Steps: request.steps,
    Sampler: sampler.sampler,
    ...(sampler.scheduler !== 'NONE' && { 'Schedule type': sampler.scheduler }),
    'CFG scale': request.cfg_scale,
    Seed: seed + index,
    Size: `${request.width}x${request.height}`,
    'Model hash': checkpoint.hash,
    Model: checkpoint.model_name,
    Version: 'sketch',
  };
  return [
    request.prompt,
    ...(request.negative_prompt ? [`Negative prompt: ${request.negative_prompt}`] : []),
    Object.entries(settings)
      .map(([name, value]) => `${name}: ${value}`)
      .join(', '),
  ].join('\n');
}

/** The `info` of the answer: JSON inside a JSON string. */
export function infoJson(parts: InfoParts): string {
  const { request, sampler, checkpoint, seed, firstImage } = parts;
  const each = Array.from({ length: request.batch_size * request.n_iter }, (_, i) => i);
  return JSON.stringify({
    prompt: request.prompt,
    all_prompts: each.map(() => request.prompt),
    negative_prompt: request.negative_prompt,
    all_negative_prompts: each.map(() => request.negative_prompt),
    seed,
    all_seeds: each.map((i) => seed + i),
    subseed: seed,
    all_subseeds: each.map((i) => seed + i),
    subseed_strength: 0,
    width: request.width,
    height: request.height,
    sampler_name: sampler.sampler,
    cfg_scale: request.cfg_scale,
    steps: request.steps,
    batch_size: request.batch_size,
    restore_faces: false,
    face_restoration_model: null,
    sd_model_name: checkpoint.model_name,
    sd_model_hash: checkpoint.hash,
    sd_vae_name: null,
    sd_vae_hash: null,
    seed_resize_from_w: -1,
    seed_resize_from_h: -1,
    denoising_strength: null,
    extra_generation_params: { 'Schedule type': sampler.scheduler },
    index_of_first_image: firstImage,
    infotexts: [...Array.from({ length: firstImage }, () => 0), ...each].map((i) =>
      infotext(parts, i),
    ),
    styles: [],
    job_timestamp: parts.jobTimestamp,
    clip_skip: 1,
    is_using_inpainting_conditioning: false,
    version: 'sketch',
  });
}
