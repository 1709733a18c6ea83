import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Pictures, and the spool that holds their bytes until object storage has them. */
export class Images1763700002000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE generated_images (
        id            uuid PRIMARY KEY,
        task_id       uuid NOT NULL,
        owner_id      uuid NOT NULL,
        index         smallint NOT NULL,
        width         integer NOT NULL,
        height        integer NOT NULL,
        content_type  text NOT NULL,
        bytes         integer NOT NULL,
        sha256        bytea NOT NULL,
        seed          bigint NOT NULL,
        object_key    text,
        thumbnail_key text,
        created_at    timestamptz NOT NULL DEFAULT now(),
        stored_at     timestamptz,
        UNIQUE (task_id, index)
      )`);
    await runner.query(`
      CREATE TABLE image_spool (
        image_id uuid PRIMARY KEY REFERENCES generated_images ON DELETE CASCADE,
        data     bytea NOT NULL
      )`);
    // Pictures are already compressed; compressing again only costs time.
    await runner.query(`ALTER TABLE image_spool ALTER COLUMN data SET STORAGE EXTERNAL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE image_spool`);
    await runner.query(`DROP TABLE generated_images`);
  }
}
