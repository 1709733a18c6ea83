import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { Tracing } from '../../infrastructure/tracing/tracing.js';
import { completeWith, type TaskContext } from '../../tasks/definitions/task-context.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { CreditHolds } from '../credits/credit-holds.js';
import { imageResultOf } from '../images/image-result.js';
import { ImageStore } from '../images/image-store.js';
import { EnginePool } from './engine-pool.js';
import { engineRequest } from './engine-request.js';
import { taskErrorOf } from './engines/engine-errors.js';
import { generateImageTask, type GenerationPayload } from './image-generation.tasks.js';

@Injectable()
export class ImageGenerationProcessor {
  constructor(
    private readonly engines: EnginePool,
    private readonly images: ImageStore,
    private readonly holds: CreditHolds,
    private readonly tracing: Tracing,
    @Inject(SETTINGS) private readonly settings: Settings,
  ) {}

  @HandlesTask(generateImageTask)
  async generate(generation: GenerationPayload, context: TaskContext) {
    const pictures = { 'darkroom.pictures': generation.batch_size };
    const made = await this.tracing.during(context, 'txt2img', pictures, () =>
      this.txt2img(generation, context),
    );
    const origin = {
      taskId: context.taskId,
      ownerId: context.ownerId!,
      correlationId: context.correlationId,
      prompt: generation.prompt,
      negativePrompt: generation.negative_prompt,
      model: made.model,
      characterName: generation.character_name ?? null,
      chatId: generation.chat_id ?? null,
    };
    return completeWith(async (tx) => {
      const images = await this.images.add(tx, origin, made.images);
      await this.holds.delivered(tx, context.taskId, images.length);
      return {
        images: images.map(imageResultOf),
        model: made.model,
        engine: made.engine,
        seconds: Math.round(made.seconds * 1000) / 1000,
      };
    });
  }

  private async txt2img(generation: GenerationPayload, context: TaskContext) {
    const { taskId, attempt, signal, timeLimits } = context;
    const jobId = (n: number) => `task(${taskId}-a${n})`;
    // How long other pictures take says nothing about this one; each has its own deadline.
    timeLimits.pause();
    try {
      return await this.engines.txt2img(engineRequest(generation), {
        jobId: jobId(attempt),
        earlierJobIds: Array.from({ length: attempt - 1 }, (_, i) => jobId(i + 1)),
        signal,
        onStart: () => timeLimits.restart(),
        onLeftBehind: context.leavesBehind,
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
