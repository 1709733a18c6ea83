import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Conversations and their messages. The key of a message is the task that it tells of, so no task is told of twice. A
 * conversation that is cleared has no messages; its row says for a while which tasks came before that.
 */
export class Chats1763700042000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE chats (
        id              uuid PRIMARY KEY,
        owner_id        uuid NOT NULL,
        chat_id         text,
        character_name  text,
        created_at      timestamptz(3) NOT NULL DEFAULT now(),
        last_message_at timestamptz(3),
        cleared_at      timestamptz,
        CHECK (chat_id IS NOT NULL OR character_name IS NOT NULL)
      )`);
    await runner.query(
      `CREATE UNIQUE INDEX chats_label ON chats (owner_id, chat_id) WHERE chat_id IS NOT NULL`,
    );
    await runner.query(
      `CREATE UNIQUE INDEX chats_character ON chats (owner_id, character_name) WHERE chat_id IS NULL`,
    );
    await runner.query(`CREATE INDEX chats_owner_time ON chats (owner_id, last_message_at, id)`);
    await runner.query(`CREATE INDEX chats_time ON chats (last_message_at)`);
    await runner.query(
      `CREATE INDEX chats_cleared ON chats (cleared_at) WHERE last_message_at IS NULL`,
    );
    await runner.query(`
      CREATE TABLE chat_messages (
        task_id      uuid PRIMARY KEY,
        chat         uuid NOT NULL REFERENCES chats ON DELETE CASCADE,
        created_at   timestamptz(3) NOT NULL,
        user_message text NOT NULL,
        bot_response text,
        image_ids    uuid[] NOT NULL,
        status       text NOT NULL,
        error_code   text
      )`);
    await runner.query(
      `CREATE INDEX chat_messages_chat_time ON chat_messages (chat, created_at, task_id)`,
    );
    await runner.query(`CREATE INDEX chat_messages_time ON chat_messages (created_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE chat_messages`);
    await runner.query(`DROP TABLE chats`);
  }
}
