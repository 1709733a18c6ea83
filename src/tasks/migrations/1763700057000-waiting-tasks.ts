import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Finds the tasks of a queue that wait, the longest waiting first, whatever else is in the table. */
export class WaitingTasks1763700057000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX tasks_waiting ON tasks (queue, run_at)
       WHERE state IN ('PENDING', 'RETRY') AND NOT blocked AND kind IN ('task', 'map')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX tasks_waiting`);
  }
}
