import type { Payload } from '../../tasks/definitions/task-definition.js';
import type { Txt2ImgRequest } from './engines/image-engine.js';
import type { generateImageTask } from './image-generation.tasks.js';

export function engineRequest(generation: Payload<typeof generateImageTask>): Txt2ImgRequest {
  return {
    prompt: generation.prompt,
    negativePrompt: generation.negative_prompt,
    width: generation.width,
    height: generation.height,
    steps: generation.steps,
    cfgScale: generation.cfg_scale,
    seed: generation.seed,
    batchSize: generation.batch_size,
    ...(generation.sampler_name !== undefined && { samplerName: generation.sampler_name }),
    ...(generation.scheduler !== undefined && { scheduler: generation.scheduler }),
    ...(generation.model !== undefined && { model: generation.model }),
  };
}
