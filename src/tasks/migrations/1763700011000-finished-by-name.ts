import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The sweep of old tasks looks name by name; without this it read every generation that is kept. */
export class FinishedByName1763700011000 implements MigrationInterface {
  name = 'FinishedByName1763700011000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX tasks_finished_by_name ON tasks (name, finished_at) WHERE finished_at IS NOT NULL`,
    );
    await runner.query(`DROP INDEX tasks_finished`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX tasks_finished ON tasks (finished_at) WHERE finished_at IS NOT NULL`,
    );
    await runner.query(`DROP INDEX tasks_finished_by_name`);
  }
}
