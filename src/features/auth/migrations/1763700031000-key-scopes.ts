import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Keys have a name, scopes, an end, and the time of their last use. */
export class KeyScopes1763700031000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // Keys and sessions that exist may do what they always could.
    await runner.query(`
      ALTER TABLE api_keys
        ADD COLUMN name         text NOT NULL DEFAULT '',
        ADD COLUMN scopes       text[] NOT NULL DEFAULT '{read,write,account,admin}',
        ADD COLUMN expires_at   timestamptz,
        ADD COLUMN last_used_at timestamptz`);
    await runner.query(`COMMENT ON COLUMN api_keys.expires_at IS 'null: never'`);
    await runner.query(`COMMENT ON COLUMN api_keys.last_used_at IS 'to the minute'`);
    await runner.query(
      `ALTER TABLE sessions ADD COLUMN scopes text[] NOT NULL DEFAULT '{read,write,account,admin}'`,
    );
    await runner.query(
      `COMMENT ON COLUMN sessions.scopes IS 'those of the key it was opened with'`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    // An older release would let limited keys and sessions do everything, and expired keys in.
    await runner.query(`DELETE FROM sessions`);
    await runner.query(`
      UPDATE api_keys SET revoked_at = now()
       WHERE revoked_at IS NULL AND (expires_at IS NOT NULL OR cardinality(scopes) < 4)`);
    await runner.query(`ALTER TABLE sessions DROP COLUMN scopes`);
    await runner.query(`
      ALTER TABLE api_keys DROP COLUMN name, DROP COLUMN scopes, DROP COLUMN expires_at,
                           DROP COLUMN last_used_at`);
  }
}
