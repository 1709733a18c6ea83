import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The workers, and limits that were changed at run time. */
export class Workers1763700005000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE workers (
        name         text PRIMARY KEY,
        host         text NOT NULL,
        pid          integer NOT NULL,
        queues       text[] NOT NULL,
        concurrency  integer NOT NULL,
        pool         text NOT NULL CHECK (pool IN ('inline', 'processes')),
        version      text NOT NULL,
        started_at   timestamptz NOT NULL DEFAULT now(),
        heartbeat_at timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`COMMENT ON COLUMN workers.concurrency IS
      'tasks it runs at once, all its queues together'`);
    await runner.query(`
      CREATE TABLE task_limits (
        name        text PRIMARY KEY,
        rate_limit  integer CHECK (rate_limit > 0),
        rate_per_ms double precision CHECK (rate_per_ms > 0),
        soft_ms     double precision CHECK (soft_ms > 0),
        hard_ms     double precision CHECK (hard_ms > 0),
        updated_at  timestamptz NOT NULL DEFAULT now(),
        CHECK ((rate_limit IS NULL) = (rate_per_ms IS NULL))
      )`);
    await runner.query(`COMMENT ON TABLE task_limits IS
      'limits set at run time, in the place of those of the task''s definition; null: the definition''s'`);
    await runner.query(`COMMENT ON COLUMN task_limits.rate_limit IS
      'starts in any rate_per_ms milliseconds, all workers together'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE task_limits, workers`);
  }
}
