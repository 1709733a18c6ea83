import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Finds the tasks of one name that wait for something that is away. There are none most of the time. */
export class PutOffTasks1763700044000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX tasks_put_off ON tasks (name, id)
       WHERE snoozed_since IS NOT NULL AND finished_at IS NULL`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX tasks_put_off`);
  }
}
