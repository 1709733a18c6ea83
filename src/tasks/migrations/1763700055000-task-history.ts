import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The life of each task that users follow, one row for each step, written by the statement that makes the step. Of
 * other tasks there is only what went wrong.
 */
export class TaskHistory1763700055000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE tasks ADD COLUMN followed boolean NOT NULL DEFAULT false`);
    await runner.query(`
      COMMENT ON COLUMN tasks.followed IS
      'it belongs to a user and is no chore of ours: every step of its life goes into task_history'`);
    await runner.query(`
      CREATE TABLE task_history (
        seq      bigint GENERATED ALWAYS AS IDENTITY,
        xid      xid8 NOT NULL DEFAULT pg_current_xact_id(),
        task_id  uuid NOT NULL,
        owner_id uuid,
        name     text NOT NULL,
        at       timestamptz NOT NULL,
        type     text NOT NULL CHECK (type IN
                 ('accepted', 'started', 'retrying', 'succeeded', 'failed', 'revoked', 'uploaded')),
        attempt  integer NOT NULL,
        worker   text,
        error    jsonb,
        PRIMARY KEY (task_id, seq)
      )`);
    const comments: Record<string, string> = {
      xid: 'the transaction that wrote the row: a reader knows by it what it has not seen, in whatever order transactions commit',
      owner_id: 'who may see it in a stream of all tasks; null: admins only',
      worker: 'who ran the attempt; null: nobody',
      error: 'of retrying, failed and revoked: as in tasks.error',
    };
    for (const [column, text] of Object.entries(comments)) {
      await runner.query(`COMMENT ON COLUMN task_history.${column} IS '${text}'`);
    }
    await runner.query(`CREATE INDEX task_history_news ON task_history (xid, seq)`);
    await runner.query(`
      CREATE INDEX task_history_owner ON task_history (owner_id, xid, seq)
       WHERE owner_id IS NOT NULL`);
    await runner.query(`
      CREATE FUNCTION keep_accepted() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO task_history (task_id, owner_id, name, at, type, attempt)
        VALUES (NEW.id, NEW.owner_id, NEW.name, NEW.created_at, 'accepted', NEW.attempt);
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE FUNCTION keep_step() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE
        owner uuid := CASE WHEN NEW.followed THEN NEW.owner_id END;
        ran text := CASE WHEN OLD.state = 'STARTED' THEN OLD.worker END;
        why jsonb := NEW.error;
      BEGIN
        IF NEW.finished_at IS NOT NULL THEN
          INSERT INTO task_history (task_id, owner_id, name, at, type, attempt, worker, error)
          VALUES (NEW.id, owner, NEW.name, NEW.finished_at,
                  CASE NEW.state WHEN 'SUCCESS' THEN 'succeeded' WHEN 'FAILURE' THEN 'failed' ELSE 'revoked' END,
                  NEW.attempt, ran, NEW.error);
          RETURN NULL;
        END IF;
        IF OLD.state = 'STARTED' THEN
          IF NEW.state = 'STARTED' THEN
            why := '{"code": "worker_lost", "message": "The worker died, or lost its connection. The task starts again.", "retryable": true}';
          -- A retry and a snooze say when to look for the hint again.
          ELSIF NEW.queue_check_at IS NOT DISTINCT FROM OLD.queue_check_at THEN
            why := '{"code": "handed_back", "message": "The worker has given the task back. It starts again.", "retryable": true}';
          END IF;
          INSERT INTO task_history (task_id, owner_id, name, at, type, attempt, worker, error)
          VALUES (NEW.id, owner, NEW.name, clock_timestamp(), 'retrying', OLD.attempt, ran, why);
        END IF;
        IF NEW.state = 'STARTED' AND NEW.followed THEN
          INSERT INTO task_history (task_id, owner_id, name, at, type, attempt, worker)
          VALUES (NEW.id, owner, NEW.name, NEW.started_at, 'started', NEW.attempt, NEW.worker);
        END IF;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE FUNCTION forget_history() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        DELETE FROM task_history USING gone WHERE task_id = gone.id;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER tasks_keep_accepted AFTER INSERT ON tasks FOR EACH ROW
        WHEN (NEW.followed) EXECUTE FUNCTION keep_accepted()`);
    // A worker that waits for something outside comes back often, which is no trouble: hence no snoozes of chores.
    await runner.query(`
      CREATE TRIGGER tasks_keep_step AFTER UPDATE OF state ON tasks FOR EACH ROW
        WHEN (NEW.followed OR NEW.state IN ('FAILURE', 'REVOKED')
              OR (OLD.state = 'STARTED' AND NEW.state <> 'SUCCESS' AND NEW.snoozed_since IS NULL))
        EXECUTE FUNCTION keep_step()`);
    await runner.query(`
      CREATE TRIGGER tasks_forget_history AFTER DELETE ON tasks REFERENCING OLD TABLE AS gone
        FOR EACH STATEMENT EXECUTE FUNCTION forget_history()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER tasks_forget_history ON tasks`);
    await runner.query(`DROP TRIGGER tasks_keep_step ON tasks`);
    await runner.query(`DROP TRIGGER tasks_keep_accepted ON tasks`);
    await runner.query(`DROP FUNCTION forget_history, keep_step, keep_accepted`);
    await runner.query(`DROP TABLE task_history`);
    await runner.query(`ALTER TABLE tasks DROP COLUMN followed`);
  }
}
