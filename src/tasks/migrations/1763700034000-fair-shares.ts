import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Owners share the workers fairly: each task has its place in the line of all owners. */
export class FairShares1763700034000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE tasks ADD COLUMN fair_start float8, ADD COLUMN fair_finish float8`,
    );
    await runner.query(`
      COMMENT ON COLUMN tasks.fair_start IS
      'place among the tasks of all owners, the least first; null: no fair share'`);
    await runner.query(`COMMENT ON COLUMN tasks.fair_finish IS 'fair_start and the cost'`);
    await runner.query(`
      CREATE INDEX tasks_fair ON tasks (queue, name, priority, fair_start, id)
        WHERE finished_at IS NULL AND fair_start IS NOT NULL`);
    await runner.query(`
      CREATE INDEX tasks_fair_owner ON tasks (owner_id, queue, name, priority, fair_finish)
        WHERE finished_at IS NULL AND fair_start IS NOT NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX tasks_fair_owner, tasks_fair`);
    await runner.query(`ALTER TABLE tasks DROP COLUMN fair_finish, DROP COLUMN fair_start`);
  }
}
