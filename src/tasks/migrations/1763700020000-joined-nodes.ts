import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Nodes of a canvas that wait for a task with the same `once` key and end as it does. */
export class JoinedNodes1763700020000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE tasks ADD COLUMN joined_id uuid`);
    await runner.query(`
      COMMENT ON COLUMN tasks.joined_id IS
      'the open task that had its once key when its turn came: it does not run, and ends as that task does'`);
    await runner.query(
      `CREATE INDEX tasks_joined ON tasks (joined_id) WHERE joined_id IS NOT NULL AND finished_at IS NULL`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    // Without the column nothing would end them. They run as tasks of their own once the reconciler finds them.
    await runner.query(
      `UPDATE tasks SET blocked = false WHERE joined_id IS NOT NULL AND finished_at IS NULL`,
    );
    await runner.query(`DROP INDEX tasks_joined`);
    await runner.query(`ALTER TABLE tasks DROP COLUMN joined_id`);
  }
}
