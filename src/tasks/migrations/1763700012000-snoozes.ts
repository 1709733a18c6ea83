import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The time since when a task has waited for something outside, so that the wait can end. */
export class Snoozes1763700012000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE tasks ADD COLUMN snoozed_since timestamptz`);
    await runner.query(`
      COMMENT ON COLUMN tasks.snoozed_since IS 'first snooze since the last attempt that ended otherwise'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE tasks DROP COLUMN snoozed_since`);
  }
}
