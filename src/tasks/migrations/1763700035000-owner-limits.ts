import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A task knows how many tasks its owner may have running at once. */
export class OwnerLimits1763700035000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE tasks ADD COLUMN owner_limit integer
         CONSTRAINT tasks_owner_limit CHECK (owner_limit > 0)`,
    );
    await runner.query(`
      COMMENT ON COLUMN tasks.owner_limit IS
      'it starts only while fewer tasks of its owner and name are running; null: always'`);
    await runner.query(`
      CREATE INDEX tasks_fair_running ON tasks (name, queue, priority, fair_start)
        WHERE state = 'STARTED' AND fair_start IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX tasks_fair_running`);
    await runner.query(`ALTER TABLE tasks DROP COLUMN owner_limit`);
  }
}
