import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { cutText } from '../../common/cut-text.js';
import { ChatReader, type Message } from '../chat-history/chat-reader.js';
import { longestMessage } from '../image-generation/image-generation.tasks.js';
import { PipelineNode, type NodeContext } from '../pipelines/pipeline-node.js';
import {
  chatMessage,
  mostMessages,
  photoRequest,
  type ChatMessage,
} from './photo-request.event.js';

const input = z.strictObject({ request: photoRequest });
const output = z.array(chatMessage);

/** What was said last in the conversation, the oldest first: what Darkroom has, and behind it what came with the request. */
@Injectable()
export class LastMessagesNode extends PipelineNode<typeof input, typeof output> {
  readonly input = input;
  readonly output = output;

  constructor(private readonly chats: ChatReader) {
    super();
  }

  async run({ request }: z.output<typeof input>, { event }: NodeContext) {
    const known = event.ownerId === null ? [] : await this.known(event.ownerId, request.chat_id);
    return [...known, ...request.messages].slice(-mostMessages);
  }

  private async known(ownerId: string, chatId: string): Promise<ChatMessage[]> {
    const chat = await this.chats.find(ownerId, chatId);
    // An id may be that of somebody else's conversation.
    if (chat?.ownerId !== ownerId) return [];
    const found = await this.chats.messages(chat.id, mostMessages, undefined);
    return found.toReversed().flatMap(messagesOf);
  }
}

function messagesOf({ userMessage, botResponse }: Message): ChatMessage[] {
  const said: [ChatMessage['role'], string | null][] = [
    ['user', userMessage],
    ['character', botResponse],
  ];
  return said.flatMap(([role, text]) => {
    const kept = cutText((text ?? '').trim(), longestMessage);
    return kept === '' ? [] : [{ role, text: kept }];
  });
}
