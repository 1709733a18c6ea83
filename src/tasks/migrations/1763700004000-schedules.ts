import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Schedules and the outcomes of their ticks. One row per tick makes sure that it runs once. */
export class Schedules1763700004000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE schedules (
        name          text PRIMARY KEY,
        declared      boolean NOT NULL,
        task          text NOT NULL,
        payload       jsonb NOT NULL,
        queue         text,
        priority      smallint CHECK (priority BETWEEN 0 AND 9),
        expires_in_ms double precision,
        cron          text,
        time_zone     text,
        every_ms      double precision,
        misfire       text NOT NULL CHECK (misfire IN ('skip', 'one', 'all')),
        paused        boolean NOT NULL DEFAULT false,
        next_at       timestamptz NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT now(),
        retired_at    timestamptz,
        CONSTRAINT schedules_timing CHECK ((cron IS NULL) <> (every_ms IS NULL)
                                       AND (cron IS NULL) = (time_zone IS NULL))
      )`);
    const comments: Record<string, string> = {
      declared: 'in code; false: made at run time',
      queue: 'null: the one of the task',
      priority: 'null: the one of the task',
      expires_in_ms: 'milliseconds in which a run must start; null: no limit',
      next_at: 'the next tick; of an interval also the anchor of all later ones',
      retired_at:
        'since when no worker that started declares it; null: declared, or made at run time',
    };
    for (const [column, text] of Object.entries(comments)) {
      await runner.query(`COMMENT ON COLUMN schedules.${column} IS '${text}'`);
    }
    await runner.query(`CREATE INDEX schedules_due ON schedules (next_at) WHERE NOT paused`);
    await runner.query(`
      CREATE TABLE schedule_runs (
        schedule text NOT NULL REFERENCES schedules ON DELETE CASCADE,
        due_at   timestamptz NOT NULL,
        sent_at  timestamptz NOT NULL DEFAULT now(),
        manual   boolean NOT NULL,
        task_id  uuid,
        error    text,
        PRIMARY KEY (schedule, due_at)
      )`);
    await runner.query(
      `COMMENT ON COLUMN schedule_runs.error IS 'why no task was sent: the payload does not fit any more'`,
    );
    await runner.query(`CREATE INDEX schedule_runs_sent ON schedule_runs (sent_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE schedule_runs`);
    await runner.query(`DROP TABLE schedules`);
  }
}
