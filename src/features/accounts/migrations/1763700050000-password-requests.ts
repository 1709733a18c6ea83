import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Addresses that somebody has asked a new password for, so that no task has them. */
export class PasswordRequests1763700050000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE password_requests (
        id         uuid PRIMARY KEY,
        email      text NOT NULL,
        expires_at timestamptz NOT NULL DEFAULT now() + interval '1 day'
      )`);
    await runner.query(
      `COMMENT ON TABLE password_requests IS 'each is deleted by its forgot_password_task'`,
    );
    await runner.query(`CREATE INDEX password_requests_expiry ON password_requests (expires_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE password_requests`);
  }
}
