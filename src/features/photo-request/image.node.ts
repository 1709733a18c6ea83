import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { Transaction } from '../../infrastructure/database/transaction.js';
import { payloadOf } from '../image-generation/generation-payload.js';
import { GenerationStore } from '../image-generation/generation-store.js';
import { generationRequest } from '../image-generation/image-generation.dto.js';
import { generateImageTask } from '../image-generation/image-generation.tasks.js';
import { TaskNode, type AwaitedSending } from '../pipelines/pipeline-node.js';
import { photoRequest } from './photo-request.event.js';
import { builtPrompt } from './prompt.node.js';

const input = z.strictObject({ request: photoRequest, prompt: builtPrompt });

/**
 * Has the picture made, as `POST /api/v1/generate-image` does: with the hold of its price, within the limits and the
 * priority of the plan. What follows a generation follows this one too: the entry in the chat, the mail, the webhooks.
 */
@Injectable()
export class ImageNode extends TaskNode<typeof input> {
  readonly input = input;
  readonly task = generateImageTask;

  constructor(private readonly generations: GenerationStore) {
    super();
  }

  /** @throws UnsupportedRequestError, InsufficientCreditsError, QuotaExceededError */
  async send(
    tx: Transaction,
    { request, prompt }: z.output<typeof input>,
    sending: AwaitedSending,
  ): Promise<void> {
    const { message, messages, character, ...wishes } = request;
    const wanted = generationRequest.parse({
      ...wishes,
      ...prompt,
      character_name: character.name,
    });
    const { ownerId, ...others } = sending;
    const payload = { ...payloadOf(wanted), user_message: message };
    const [outcome] = await this.generations.add(tx, [
      // Only users send this event.
      { ...others, userId: ownerId!, request: wanted, payload },
    ]);
    if (outcome instanceof Error) throw outcome;
  }
}
