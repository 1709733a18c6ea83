import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';

/** Which conversation: the one that the client named, else the one with the character. */
export interface ChatKey {
  ownerId: string;
  chatId: string | null;
  characterName: string | null;
}

export interface NewMessage {
  /** The task that it tells of; there is one message for each. */
  taskId: string;
  /** When that task was sent: the place of the message. */
  createdAt: Date;
  userMessage: string;
  botResponse: string | null;
  imageIds: string[];
  status: string;
  errorCode: string | null;
}

export interface SavedChat {
  id: string;
  chat_id: string | null;
}

/** Writes conversations. */
@Injectable()
export class ChatWriter {
  /**
   * Saves a message once: again it changes nothing. A conversation that it does not find it begins.
   *
   * @returns null: the owner is gone, or has deleted the conversation since the task was sent
   */
  async save(tx: Transaction, key: ChatKey, message: NewMessage): Promise<SavedChat | null> {
    if (!(await isUser(tx, key.ownerId))) return null;
    // Locked from here on: a deletion comes before or after all of this.
    const chat = await open(tx, key);
    if (chat.cleared !== null && message.createdAt <= chat.cleared) return null;
    await tx.query(
      `WITH added AS (
         INSERT INTO chat_messages (task_id, chat, created_at, user_message, bot_response, image_ids, status, error_code)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING RETURNING chat, created_at)
       UPDATE chats SET last_message_at = greatest(last_message_at, added.created_at)
         FROM added WHERE chats.id = added.chat`,
      [
        message.taskId,
        chat.id,
        message.createdAt,
        message.userMessage,
        message.botResponse,
        message.imageIds,
        message.status,
        message.errorCode,
      ],
    );
    return { id: chat.id, chat_id: key.chatId };
  }

  /** Deletes its messages. What was sent before and ends later is not saved. Pictures stay. */
  async clear(tx: Transaction, id: string): Promise<void> {
    await tx.query(`SELECT FROM chats WHERE id = $1 FOR UPDATE`, [id]);
    await tx.query(
      `UPDATE chats SET cleared_at = clock_timestamp(), last_message_at = NULL,
              character_name = CASE WHEN chat_id IS NULL THEN character_name END WHERE id = $1`,
      [id],
    );
    await tx.query(`DELETE FROM chat_messages WHERE chat = $1`, [id]);
  }
}

/** True until the account is deleted, which waits for `tx`; its conversations are deleted after that. */
async function isUser(tx: Transaction, id: string): Promise<boolean> {
  const sql = `SELECT FROM users WHERE id = $1 AND deleted_at IS NULL FOR KEY SHARE`;
  return (await rows(tx, sql, [id])).length > 0;
}

/** The conversation, locked. One with a name takes the character of the first message that has one. */
async function open(tx: Transaction, { ownerId, chatId, characterName }: ChatKey) {
  const conflict =
    chatId === null
      ? '(owner_id, character_name) WHERE chat_id IS NULL'
      : '(owner_id, chat_id) WHERE chat_id IS NOT NULL';
  const [chat] = await rows<{ id: string; cleared: Date | null }>(
    tx,
    `INSERT INTO chats (id, owner_id, chat_id, character_name) VALUES ($1, $2, $3, $4)
     ON CONFLICT ${conflict}
     DO UPDATE SET character_name = coalesce(chats.character_name, excluded.character_name)
     RETURNING id, cleared_at AS cleared`,
    [uuidv7(), ownerId, chatId, characterName],
  );
  return chat!;
}
