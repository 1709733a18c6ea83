import type { OldRows } from '../maintenance/old-rows.js';

export const oldChatMessages: OldRows = {
  what: 'chat_messages',
  keptDays: (settings) => settings.chatRetentionDays,
  sql: `
    DELETE FROM chat_messages WHERE task_id IN (
      SELECT task_id FROM chat_messages WHERE created_at < now() - $2 * interval '1 day'
       ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING task_id`,
};

/** Conversations whose last message is that old: all of their messages are. */
export const oldChats: OldRows = {
  what: 'chats',
  keptDays: (settings) => settings.chatRetentionDays,
  sql: `
    DELETE FROM chats WHERE id IN (
      SELECT id FROM chats WHERE last_message_at < now() - $2 * interval '1 day'
       ORDER BY last_message_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id`,
};

/** By then all that was sent before a conversation was deleted has ended: it may wait for a week. */
export const oldDeletedChats: OldRows = {
  what: 'deleted_chats',
  keptDays: undefined,
  sql: `
    DELETE FROM chats WHERE id IN (
      SELECT id FROM chats WHERE last_message_at IS NULL AND cleared_at < now() - interval '30 days'
       LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id`,
};
