import type { MigrationInterface, QueryRunner } from 'typeorm';

/** `once` keys, and the starts that rate limits count. */
export class Limits1763700006000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE task_once_keys (
        name       text NOT NULL,
        key        text NOT NULL,
        task_id    uuid NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (name, key)
      )`);
    await runner.query(`
      CREATE TABLE task_rates (
        name    text NOT NULL,
        key     text NOT NULL,
        starts  timestamptz[] NOT NULL,
        look_at timestamptz NOT NULL,
        PRIMARY KEY (name, key)
      )`);
    await runner.query(`
      COMMENT ON COLUMN task_rates.starts IS 'starts that the limit still counts, oldest first'`);
    await runner.query(`
      COMMENT ON COLUMN task_rates.look_at IS 'when the last of the waiting tasks looks again'`);
    await runner.query(`
      CREATE INDEX tasks_concurrency_running ON tasks (name, concurrency_key)
       WHERE concurrency_key IS NOT NULL AND state = 'STARTED'`);
    await runner.query(`
      CREATE INDEX tasks_concurrency_waiting ON tasks (name, concurrency_key, priority, id)
       WHERE concurrency_key IS NOT NULL AND state IN ('PENDING', 'RETRY')`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP INDEX tasks_concurrency_running, tasks_concurrency_waiting`);
    await runner.query(`DROP TABLE task_rates`);
    await runner.query(`DROP TABLE task_once_keys`);
  }
}
