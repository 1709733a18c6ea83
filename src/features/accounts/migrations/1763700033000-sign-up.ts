import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Users with an e-mail address and a password, the links that they get, and their logins. */
export class SignUp1763700033000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE users
        ADD COLUMN email         text UNIQUE,
        ADD COLUMN password_hash text,
        ADD COLUMN deleted_at    timestamptz`);
    await runner.query(`COMMENT ON COLUMN users.email IS 'confirmed; in lower case'`);
    await runner.query(`COMMENT ON COLUMN users.deleted_at IS 'nobody may sign in any more'`);
    // A user exists only when the address is confirmed: until then, the password waits here.
    await runner.query(`
      CREATE TABLE email_links (
        id            uuid PRIMARY KEY,
        purpose       text NOT NULL CHECK (purpose IN ('verify', 'reset')),
        email         text NOT NULL,
        password_hash text CHECK ((password_hash IS NOT NULL) = (purpose = 'verify')),
        user_id       uuid REFERENCES users ON DELETE CASCADE,
        expires_at    timestamptz NOT NULL,
        CHECK ((user_id IS NOT NULL) = (purpose = 'reset'))
      )`);
    await runner.query(`COMMENT ON TABLE email_links IS 'each is deleted when it is used'`);
    await runner.query(`CREATE INDEX email_links_email ON email_links (email)`);
    await runner.query(`CREATE INDEX email_links_user ON email_links (user_id)`);
    await runner.query(`CREATE INDEX email_links_expiry ON email_links (expires_at)`);
    await runner.query(`
      CREATE TABLE logins (
        id         uuid PRIMARY KEY,
        user_id    uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        digest     bytea NOT NULL UNIQUE,
        spent      bytea[] NOT NULL DEFAULT '{}',
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL
      )`);
    await runner.query(`COMMENT ON COLUMN logins.digest IS 'SHA-256 of the refresh token'`);
    await runner.query(
      `COMMENT ON COLUMN logins.spent IS 'digests of the last refresh tokens: one that comes again was stolen'`,
    );
    await runner.query(`CREATE INDEX logins_user ON logins (user_id)`);
    await runner.query(`CREATE INDEX logins_spent ON logins USING gin (spent)`);
    await runner.query(`CREATE INDEX logins_expiry ON logins (expires_at)`);
    await runner.query(`CREATE INDEX generated_images_owner ON generated_images (owner_id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX generated_images_owner`);
    await runner.query(`DROP TABLE logins`);
    await runner.query(`DROP TABLE email_links`);
    await runner.query(`
      ALTER TABLE users DROP COLUMN deleted_at, DROP COLUMN password_hash, DROP COLUMN email`);
  }
}
