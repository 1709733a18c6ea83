import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Users, their API keys and browser sessions. Secrets are stored only as SHA-256 digests. */
export class Accounts1763700001000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE users (
        id         uuid PRIMARY KEY,
        name       text NOT NULL UNIQUE,
        role       text NOT NULL CHECK (role IN ('admin', 'user')),
        created_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`
      CREATE TABLE api_keys (
        id         uuid PRIMARY KEY,
        user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        prefix     text NOT NULL UNIQUE,
        digest     bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        revoked_at timestamptz
      )`);
    await runner.query(`CREATE INDEX api_keys_user ON api_keys (user_id)`);
    await runner.query(`
      CREATE TABLE sessions (
        digest     bytea PRIMARY KEY,
        user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        expires_at timestamptz NOT NULL
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE sessions`);
    await runner.query(`DROP TABLE api_keys`);
    await runner.query(`DROP TABLE users`);
  }
}
