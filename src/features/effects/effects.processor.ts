import { Injectable } from '@nestjs/common';
import { completeWith } from '../../tasks/definitions/task-context.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { TaskEntity } from '../../tasks/ledger/task.entity.js';
import { generationEndedTask } from '../image-generation/generation-ended.task.js';
import { GenerationEffects } from './generation-effects.js';

@Injectable()
export class EffectsProcessor {
  constructor(private readonly effects: GenerationEffects) {}

  @HandlesTask(generationEndedTask)
  async follow({ task_id: id }: Payload<typeof generationEndedTask>) {
    return completeWith(async (tx) => {
      const task = await tx.findOneBy(TaskEntity, { id });
      // It may have been deleted, with its owner's account or because it is old.
      if (task?.ownerId) await this.effects.of(tx, task, task.ownerId);
      return null;
    });
  }
}
