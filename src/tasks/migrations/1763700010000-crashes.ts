import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which process crashed, and an index of the tasks whose worker is gone. */
export class Crashes1763700010000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tasks ADD COLUMN process text,
                        ADD COLUMN crashed_attempts integer[] NOT NULL DEFAULT '{}'`);
    await runner.query(`
      COMMENT ON COLUMN tasks.process IS 'which process of the worker has claimed it: host, process id, a number of its own'`);
    await runner.query(`
      COMMENT ON COLUMN tasks.crashed_attempts IS
      'attempts counted in crashes; one is taken back when its process shows that it lives'`);
    await runner.query(
      `CREATE INDEX tasks_lease ON tasks (lease_until) WHERE lease_until IS NOT NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX tasks_lease`);
    await runner.query(`ALTER TABLE tasks DROP COLUMN process, DROP COLUMN crashed_attempts`);
  }
}
