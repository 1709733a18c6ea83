import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a picture shows is kept with the picture, which may outlive its task. Pictures whose task is gone already have
 * no prompt.
 *
 * Lists are ordered by time and id, in milliseconds as JavaScript has them. An index on owner and id would do for the
 * order too, but Postgres takes the primary key instead, and reads the pictures of all users.
 *
 * Words are found in any of their forms: the configuration `russian` reduces Russian words to their stems, and words of
 * Latin letters as `english` does. The parser would keep `black/white` as one word, so such signs become spaces first.
 */
export class Gallery1763700041000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE generated_images
        ADD prompt          text,
        ADD negative_prompt text,
        ADD model           text,
        ADD character_name  text,
        ADD chat_id         text,
        ADD favourite       boolean NOT NULL DEFAULT false,
        ALTER created_at TYPE timestamptz(3)`);
    await runner.query(`
      UPDATE generated_images i
         SET prompt = payload->>'prompt', negative_prompt = payload->>'negative_prompt',
             model = coalesce(result->>'model', payload->>'model'),
             character_name = payload->>'character_name', chat_id = payload->>'chat_id'
        FROM tasks WHERE tasks.id = i.task_id`);
    await runner.query(`
      ALTER TABLE generated_images ADD prompt_words tsvector GENERATED ALWAYS AS (
        to_tsvector('russian', translate(coalesce(prompt, ''), '/.@ёЁ', '   еЕ'))) STORED`);
    await runner.query(
      `CREATE INDEX generated_images_owner_time ON generated_images (owner_id, created_at, id)`,
    );
    await runner.query(
      `CREATE INDEX generated_images_words ON generated_images USING gin (prompt_words)`,
    );
    await runner.query(`DROP INDEX generated_images_owner`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX generated_images_owner ON generated_images (owner_id)`);
    await runner.query(`DROP INDEX generated_images_owner_time`);
    await runner.query(`
      ALTER TABLE generated_images
        DROP prompt_words, DROP prompt, DROP negative_prompt, DROP model, DROP character_name,
        DROP chat_id, DROP favourite, ALTER created_at TYPE timestamptz`);
  }
}
