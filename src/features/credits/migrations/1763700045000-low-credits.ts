import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Users are told once that their credits are low. */
export class LowCredits1763700045000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE credit_accounts ADD COLUMN low_told_entry bigint`);
    await runner.query(`
      COMMENT ON COLUMN credit_accounts.low_told_entry IS
      'the newest entry when the user was told of a low balance; null: never told'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE credit_accounts DROP COLUMN low_told_entry`);
  }
}
