import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { PermanentTaskError } from '../../tasks/definitions/task-errors.js';
import { generationFields } from '../image-generation/generation-fields.js';
import { PipelineNode } from '../pipelines/pipeline-node.js';
import { WebhookUrls } from '../webhooks/webhook-urls.js';
import { chatMessage, photoRequest } from './photo-request.event.js';
import { picturePrompt } from './picture-prompt.js';

const { prompt, negative_prompt } = generationFields;
const input = z.strictObject({ request: photoRequest, messages: z.array(chatMessage) });
export const builtPrompt = z.strictObject({ prompt, negative_prompt });

/** Puts the request into the words that an engine gets. */
@Injectable()
export class PromptNode extends PipelineNode<typeof input, typeof builtPrompt> {
  readonly input = input;
  readonly output = builtPrompt;

  constructor(private readonly webhooks: WebhookUrls) {
    super();
  }

  async run({ request, messages }: z.output<typeof input>) {
    const { webhook_url: url } = request;
    const problem = url === undefined ? undefined : this.webhooks.problemOf(url);
    if (problem !== undefined) {
      throw new PermanentTaskError('invalid_webhook_url', `The webhook_url ${problem}.`);
    }
    const built = picturePrompt(request, messages);
    if (built.prompt === '') {
      throw new PermanentTaskError('empty_prompt', 'Nothing is asked for that can be drawn.');
    }
    return built;
  }
}
