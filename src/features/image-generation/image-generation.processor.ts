import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { completeWith, type TaskContext } from '../../tasks/task-context.js';
import type { Payload } from '../../tasks/task-definition.js';
import { HandlesTask } from '../../tasks/task-handler.decorator.js';
import type { GeneratedImageEntity } from '../images/generated-image.entity.js';
import { ImageStore } from '../images/image-store.js';
import { EnginePool } from './engine-pool.js';
import { taskErrorOf } from './image-generation.errors.js';
import { generateImageTask } from './image-generation.tasks.js';

type Generation = Payload<typeof generateImageTask>;

@Injectable()
export class ImageGenerationProcessor {
  constructor(
    private readonly engines: EnginePool,
    private readonly images: ImageStore,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  @HandlesTask(generateImageTask)
  async generate(generation: Generation, context: TaskContext) {
    const made = await this.txt2img(generation, context);
    const task = { ...context, ownerId: context.ownerId! };
    return completeWith(async (tx) => ({
      images: (await this.images.add(tx, task, made.images)).map(imageResult),
      model: made.model,
      engine: made.engine,
      seconds: Math.round(made.seconds * 1000) / 1000,
    }));
  }

  private async txt2img(generation: Generation, context: TaskContext) {
    const { taskId, attempt, signal } = context;
    const jobId = (n: number) => `task(${taskId}-a${n})`;
    try {
      return await this.engines.txt2img(engineRequest(generation), {
        jobId: jobId(attempt),
        earlierJobIds: Array.from({ length: attempt - 1 }, (_, i) => jobId(i + 1)),
        signal,
        onProgress: ({ fraction, step, steps, etaSeconds }) =>
          context.progress({
            percent: Math.round(fraction * 100),
            step,
            steps,
            eta_seconds: etaSeconds,
          }),
      });
    } catch (error) {
      throw taskErrorOf(error, this.settings.enginePatienceMs);
    }
  }
}

function engineRequest(generation: Generation) {
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

function imageResult(image: GeneratedImageEntity) {
  const url = `/api/v1/images/${image.id}`;
  return {
    image_id: image.id,
    url,
    thumbnail_url: `${url}?size=thumbnail`,
    width: image.width,
    height: image.height,
    content_type: image.contentType,
    bytes: image.bytes,
    sha256: image.sha256.toString('hex'),
    seed: Number(image.seed),
    index: image.index,
  };
}
