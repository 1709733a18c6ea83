import { z } from 'zod';
import { numberInQuery } from '../../infrastructure/http/number-in-query.js';
import { timeCursor, timeCursorOf } from '../../infrastructure/http/time-cursor.js';
import type { GeneratedImageEntity } from '../images/generated-image.entity.js';
import { imageResult, imageResultOf } from '../images/image-result.js';
import type { Chat, Message } from './chat-reader.js';

const maxPage = 100;

export const pageQuery = z.strictObject({
  limit: numberInQuery(z.int().min(1).max(maxPage).default(50)).describe(
    `Most entries in one answer; at most ${maxPage}.`,
  ),
  cursor: timeCursor.optional().describe('`next_cursor` of the answer before.'),
});
export type PageQuery = z.output<typeof pageQuery>;

const nextCursor = z.string().nullable().describe('null: there are no more.');

const chat = z.strictObject({
  id: z.uuid(),
  chat_id: z.string().nullable().describe('Your name of it; null: the one with the character.'),
  character_name: z.string().nullable(),
  title: z.string().describe('How its first message begins.'),
  message_count: z.int(),
  created_at: z.iso.datetime(),
  last_message_at: z.iso.datetime(),
});

export const chatList = z.strictObject({
  chats: z.array(chat).describe('The one with the newest message first.'),
  next_cursor: nextCursor,
});
export type ChatList = z.output<typeof chatList>;

const message = z.strictObject({
  task_id: z.uuid(),
  created_at: z.iso.datetime().describe('When it was sent: the order of messages.'),
  user_message: z.string().describe('What the user wrote: the prompt, or a request for a picture.'),
  bot_response: z.string().nullable(),
  status: z.enum(['SUCCESS', 'FAILURE', 'REVOKED']),
  error_code: z.string().nullable(),
  images: z.array(imageResult).describe('Those that are not deleted.'),
});

export const messageList = z.strictObject({
  messages: z.array(message).describe('The newest first.'),
  next_cursor: nextCursor,
});
export type MessageList = z.output<typeof messageList>;

export function chatListOf(chats: Chat[], limit: number): ChatList {
  const page = chats.slice(0, limit);
  const last = chats.length > limit ? page.at(-1)! : null;
  return {
    chats: page.map((one) => ({
      id: one.id,
      chat_id: one.chatId,
      character_name: one.characterName,
      title: one.title,
      message_count: one.messages,
      created_at: one.createdAt.toISOString(),
      last_message_at: one.lastMessageAt.toISOString(),
    })),
    next_cursor: last && timeCursorOf(last.lastMessageAt, last.id),
  };
}

/** @param images those of the messages that still exist */
export function messageListOf(
  messages: Message[],
  images: GeneratedImageEntity[],
  limit: number,
): MessageList {
  const byId = new Map(images.map((image) => [image.id, imageResultOf(image)]));
  const page = messages.slice(0, limit);
  const last = messages.length > limit ? page.at(-1)! : null;
  return {
    messages: page.map((one) => ({
      task_id: one.taskId,
      created_at: one.createdAt.toISOString(),
      user_message: one.userMessage,
      bot_response: one.botResponse,
      status: one.status,
      error_code: one.errorCode,
      images: one.imageIds.flatMap((id) => byId.get(id) ?? []),
    })),
    next_cursor: last && timeCursorOf(last.createdAt, last.taskId),
  };
}
