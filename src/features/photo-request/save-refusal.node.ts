import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { Transaction } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import { saveChatHistoryTask } from '../chat-history/chat-history.tasks.js';
import { TaskNode, type AwaitedSending } from '../pipelines/pipeline-node.js';
import { photoRequest } from './photo-request.event.js';
import { refusal } from './refusal.nodes.js';

const input = z.strictObject({ request: photoRequest, refusal });

/** Puts the request and the refusal into the conversation. Generations come there by themselves. */
@Injectable()
export class SaveRefusalNode extends TaskNode<typeof input> {
  readonly input = input;
  readonly task = saveChatHistoryTask;

  constructor(private readonly tasks: TaskClient) {
    super();
  }

  async send(
    tx: Transaction,
    { request, refusal: { message } }: z.output<typeof input>,
    sending: AwaitedSending,
  ): Promise<void> {
    const entry = {
      chat_id: request.chat_id,
      character_name: request.character.name,
      user_message: request.message,
      bot_response: message,
    };
    await this.tasks.send(tx, saveChatHistoryTask, entry, sending);
  }
}
