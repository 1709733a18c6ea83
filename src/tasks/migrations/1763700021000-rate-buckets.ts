import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Rate limits count starts in buckets, so a row no longer grows with its limit. */
export class RateBuckets1763700021000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE task_rates ADD COLUMN counts integer[] NOT NULL DEFAULT '{}'`);
    await runner.query(`
      COMMENT ON COLUMN task_rates.starts IS
      'the latest start of each bucket that the limit still counts, oldest first'`);
    await runner.query(`
      COMMENT ON COLUMN task_rates.counts IS 'starts in each bucket; one that is missing is 1'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      UPDATE task_rates SET starts = ARRAY(
        SELECT start FROM unnest(starts, counts) AS bucket (start, n),
               generate_series(1, coalesce(n, 1)) ORDER BY start)`);
    await runner.query(`
      COMMENT ON COLUMN task_rates.starts IS 'starts that the limit still counts, oldest first'`);
    await runner.query(`ALTER TABLE task_rates DROP COLUMN counts`);
  }
}
