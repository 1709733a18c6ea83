import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What users want to be written about, and in which language. */
export class MailPreferences1763700038000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE users
        ADD COLUMN language         text,
        ADD COLUMN mail_off         text[] NOT NULL DEFAULT '{}',
        ADD COLUMN email_refused_at timestamptz`);
    await runner.query(`COMMENT ON COLUMN users.language IS 'of mails; null: MAIL_LANGUAGE'`);
    await runner.query(
      `COMMENT ON COLUMN users.mail_off IS 'categories of mails that are not wanted'`,
    );
    await runner.query(
      `COMMENT ON COLUMN users.email_refused_at IS 'the mail server said that the address does not exist'`,
    );
    // The user exists only when the address is confirmed.
    await runner.query(`ALTER TABLE email_links ADD COLUMN language text`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE email_links DROP COLUMN language`);
    await runner.query(`
      ALTER TABLE users DROP COLUMN email_refused_at, DROP COLUMN mail_off, DROP COLUMN language`);
  }
}
