import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Files of handlers and pictures that users upload. The spool holds their bytes too. It keeps its name, as workers of
 * the release before go on reading it during a deploy.
 */
export class StoredFiles1763700043000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE stored_files (
        id           uuid PRIMARY KEY,
        kind         text NOT NULL CHECK (kind IN ('file', 'upload')),
        owner_id     uuid NOT NULL,
        object_key   text NOT NULL,
        content_type text NOT NULL,
        bytes        integer NOT NULL,
        sha256       bytea NOT NULL,
        width        integer,
        height       integer,
        created_at   timestamptz NOT NULL DEFAULT now(),
        expires_at   timestamptz,
        stored_at    timestamptz
      )`);
    await runner.query(`
      COMMENT ON COLUMN stored_files.object_key IS 'where the bytes are once stored_at is set'`);
    await runner.query(`CREATE INDEX stored_files_owner ON stored_files (owner_id, kind, id)`);
    await runner.query(`
      CREATE UNIQUE INDEX stored_files_upload ON stored_files (owner_id, sha256) WHERE kind = 'upload'`);
    await runner.query(`
      CREATE INDEX stored_files_expiry ON stored_files (expires_at) WHERE expires_at IS NOT NULL`);
    await runner.query(`ALTER TABLE image_spool DROP CONSTRAINT image_spool_pkey`);
    await runner.query(`
      ALTER TABLE image_spool
        ALTER COLUMN image_id DROP NOT NULL,
        ADD COLUMN file_id uuid UNIQUE REFERENCES stored_files ON DELETE CASCADE,
        ADD COLUMN spooled_at timestamptz NOT NULL DEFAULT now(),
        ADD CONSTRAINT image_spool_image UNIQUE (image_id),
        ADD CONSTRAINT image_spool_one CHECK (num_nonnulls(image_id, file_id) = 1)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DELETE FROM image_spool WHERE image_id IS NULL`);
    await runner.query(`
      ALTER TABLE image_spool
        DROP CONSTRAINT image_spool_one,
        DROP CONSTRAINT image_spool_image,
        DROP COLUMN spooled_at,
        DROP COLUMN file_id,
        ADD PRIMARY KEY (image_id)`);
    await runner.query(`DROP TABLE stored_files`);
  }
}
