import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query } from '../../infrastructure/database/transaction.js';
import { placeOf } from '../../infrastructure/http/time-cursor.js';
import type { FinalState } from '../../tasks/definitions/task-state.js';

export interface Chat {
  id: string;
  ownerId: string;
  chatId: string | null;
  characterName: string | null;
  title: string;
  createdAt: Date;
  lastMessageAt: Date;
  messages: number;
}

export interface Message {
  taskId: string;
  createdAt: Date;
  userMessage: string;
  botResponse: string | null;
  /** Those that were deleted included. */
  imageIds: string[];
  status: FinalState;
  errorCode: string | null;
}

/** Letters of the first message. */
const titleLength = 80;

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Reads conversations. Those without messages do not exist for readers. */
@Injectable()
export class ChatReader {
  constructor(private readonly database: DataSource) {}

  /** A page and one more, the one with the newest message first. */
  async list(ownerId: string, limit: number, cursor: string | undefined): Promise<Chat[]> {
    const { at, id } = placeOf(cursor);
    return query<Chat>(
      this.database,
      `SELECT chats.id, owner_id AS "ownerId", chat_id AS "chatId", character_name AS "characterName",
              chats.created_at AS "createdAt", last_message_at AS "lastMessageAt", title, messages
         FROM chats
        CROSS JOIN LATERAL (
          SELECT left(user_message, ${titleLength}) AS title FROM chat_messages WHERE chat = chats.id
           ORDER BY created_at, task_id LIMIT 1) first
        CROSS JOIN LATERAL (
          SELECT count(*)::int AS messages FROM chat_messages WHERE chat = chats.id) counted
        WHERE owner_id = $1 AND (last_message_at, chats.id) < (
              coalesce($3::timestamptz, 'infinity'), coalesce($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        ORDER BY last_message_at DESC, chats.id DESC LIMIT $2`,
      [ownerId, limit + 1, at, id],
    );
  }

  /**
   * The conversation of the user that the user has named so, else the one with this id, of anybody.
   *
   * @returns undefined when there is none
   */
  async find(ownerId: string, name: string): Promise<Pick<Chat, 'id' | 'ownerId'> | undefined> {
    const [chat] = await query<Pick<Chat, 'id' | 'ownerId'>>(
      this.database,
      `SELECT id, owner_id AS "ownerId" FROM (
         SELECT *, 1 AS rank FROM chats WHERE owner_id = $1 AND chat_id = $2
         UNION ALL SELECT *, 2 FROM chats WHERE id = $3::uuid) found
        WHERE last_message_at IS NOT NULL ORDER BY rank LIMIT 1`,
      [ownerId, name, uuid.test(name) ? name : null],
    );
    return chat;
  }

  /** A page and one more, the newest first. */
  async messages(chat: string, limit: number, cursor: string | undefined): Promise<Message[]> {
    const { at, id } = placeOf(cursor);
    return query<Message>(
      this.database,
      `SELECT task_id AS "taskId", created_at AS "createdAt", user_message AS "userMessage",
              bot_response AS "botResponse", image_ids AS "imageIds", status, error_code AS "errorCode"
         FROM chat_messages
        WHERE chat = $1 AND (created_at, task_id) < (
              coalesce($3::timestamptz, 'infinity'), coalesce($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        ORDER BY created_at DESC, task_id DESC LIMIT $2`,
      [chat, limit + 1, at, id],
    );
  }
}
