import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { completeWith } from '../../tasks/definitions/task-context.js';
import { MailOutbox } from '../email/mail-outbox.js';
import { PipelineNode, type NodeContext } from '../pipelines/pipeline-node.js';
import { WebhookEvents } from '../webhooks/webhook-events.js';
import { photoRequest } from './photo-request.event.js';
import { refusal } from './refusal.nodes.js';

const input = z.strictObject({ request: photoRequest, refusal });
const output = z.strictObject({});

/** Tells the user of a refusal, the way that was asked for. Of generations others tell. */
@Injectable()
export class NotifyNode extends PipelineNode<typeof input, typeof output> {
  readonly input = input;
  readonly output = output;

  constructor(
    private readonly mails: MailOutbox,
    private readonly webhooks: WebhookEvents,
  ) {
    super();
  }

  async run(
    { request, refusal: { code, message } }: z.output<typeof input>,
    { event, key }: NodeContext,
  ) {
    // Only users send this event.
    const userId = event.ownerId!;
    return completeWith(async (tx) => {
      if (request.notify_email) {
        const values = { prompt: request.message, reason: message };
        await this.mails.add(tx, { template: 'picture_refused', userId, key, values });
      }
      const data = { event_id: event.id, chat_id: request.chat_id, error: { code, message } };
      const { webhook_url: url } = request;
      await this.webhooks.announce(tx, { type: 'photo.refused', userId, key, data, url });
      return {};
    });
  }
}
