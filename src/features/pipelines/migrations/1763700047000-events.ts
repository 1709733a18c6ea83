import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Events, their runs through a pipeline, and how far each node of a run is. A run ends when its task does, whichever way
 * that is, so the database writes its end.
 */
export class Events1763700047000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE events (
        id          uuid PRIMARY KEY,
        type        text NOT NULL,
        owner_id    uuid,
        source_id   uuid,
        producer_id text,
        data        jsonb NOT NULL,
        status      text NOT NULL DEFAULT 'ACCEPTED',
        run_id      uuid NOT NULL,
        created_at  timestamptz(3) NOT NULL DEFAULT now(),
        finished_at timestamptz,
        CHECK (status IN ('ACCEPTED', 'PROCESSED', 'FAILED', 'REVOKED'))
      )`);
    await runner.query(`COMMENT ON COLUMN events.run_id IS 'the newest run'`);
    await runner.query(`COMMENT ON COLUMN events.producer_id IS 'the id that its sender gave it'`);
    await runner.query(`
      CREATE UNIQUE INDEX events_producer ON events (owner_id, source_id, producer_id)
        NULLS NOT DISTINCT WHERE producer_id IS NOT NULL`);
    await runner.query(`CREATE INDEX events_owner_time ON events (owner_id, created_at, id)`);
    await runner.query(`CREATE INDEX events_time ON events (created_at, id)`);
    await runner.query(`CREATE INDEX events_run ON events (run_id)`);
    await runner.query(`
      CREATE TABLE event_runs (
        id          uuid PRIMARY KEY,
        event_id    uuid NOT NULL REFERENCES events ON DELETE CASCADE,
        pipeline    text NOT NULL,
        state       text NOT NULL DEFAULT 'RUNNING',
        error       jsonb,
        created_at  timestamptz(3) NOT NULL DEFAULT now(),
        finished_at timestamptz,
        CHECK (state IN ('RUNNING', 'SUCCESS', 'FAILURE', 'REVOKED'))
      )`);
    await runner.query(`COMMENT ON TABLE event_runs IS 'the id is that of the task'`);
    await runner.query(`CREATE INDEX event_runs_event ON event_runs (event_id, id)`);
    await runner.query(`
      CREATE TABLE event_nodes (
        run_id      uuid NOT NULL REFERENCES event_runs ON DELETE CASCADE,
        node        text NOT NULL,
        state       text NOT NULL,
        output      jsonb,
        error       jsonb,
        failures    integer NOT NULL DEFAULT 0,
        task_id     uuid,
        retry_at    timestamptz,
        started_at  timestamptz NOT NULL,
        finished_at timestamptz,
        PRIMARY KEY (run_id, node),
        CHECK (state IN ('DONE', 'SKIPPED', 'FAILED', 'WAITING', 'RETRY'))
      )`);
    await runner.query(`
      CREATE FUNCTION end_event_run() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        outcome text := CASE WHEN TG_OP = 'DELETE' THEN 'REVOKED' ELSE NEW.state END;
      BEGIN
        UPDATE event_runs
           SET state = outcome, finished_at = now(),
               error = CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE NEW.error END
         WHERE id = OLD.id AND state = 'RUNNING';
        UPDATE events
           SET finished_at = now(),
               status = CASE outcome WHEN 'SUCCESS' THEN 'PROCESSED' WHEN 'FAILURE' THEN 'FAILED'
                             ELSE 'REVOKED' END
         WHERE run_id = OLD.id AND status = 'ACCEPTED';
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER tasks_end_event_run AFTER UPDATE OF finished_at ON tasks FOR EACH ROW
        WHEN (NEW.name = 'process_incoming_event'
              AND OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL)
        EXECUTE FUNCTION end_event_run()`);
    await runner.query(`
      CREATE TRIGGER tasks_delete_event_run AFTER DELETE ON tasks FOR EACH ROW
        WHEN (OLD.name = 'process_incoming_event' AND OLD.finished_at IS NULL)
        EXECUTE FUNCTION end_event_run()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER tasks_delete_event_run ON tasks`);
    await runner.query(`DROP TRIGGER tasks_end_event_run ON tasks`);
    await runner.query(`DROP FUNCTION end_event_run`);
    await runner.query(`DROP TABLE event_nodes, event_runs, events`);
  }
}
