import type { Txt2ImgRequest } from './image-engine.js';

/** An allow-list: only these fields of a client's request reach the server. */
export function txt2ImgBody(request: Txt2ImgRequest, jobId: string) {
  return {
    prompt: request.prompt,
    negative_prompt: request.negativePrompt,
    seed: request.seed,
    steps: request.steps,
    cfg_scale: request.cfgScale,
    width: request.width,
    height: request.height,
    batch_size: request.batchSize,
    n_iter: 1,
    ...(request.samplerName !== undefined && { sampler_name: request.samplerName }),
    ...(request.scheduler !== undefined && { scheduler: request.scheduler }),
    ...(request.model !== undefined && {
      override_settings: { sd_model_checkpoint: request.model },
      // `true` would reload the previous model after each job.
      override_settings_restore_afterwards: false,
    }),
    send_images: true,
    save_images: false,
    force_task_id: jobId,
  };
}
