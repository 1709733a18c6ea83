import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A task may wait for the end of others without a worker. Their end makes it due, whichever way they end; `wakes` counts
 * that, so that an end just before it begins to wait is not missed.
 */
export class Waiters1763700046000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tasks ADD COLUMN waiter_id uuid, ADD COLUMN wakes integer NOT NULL DEFAULT 0`);
    await runner.query(`
      COMMENT ON COLUMN tasks.waiter_id IS 'the task that waits for the end of this one'`);
    await runner.query(`
      COMMENT ON COLUMN tasks.wakes IS 'how many tasks that it waited for have ended'`);
    await runner.query(`
      CREATE INDEX tasks_waiter ON tasks (waiter_id)
       WHERE waiter_id IS NOT NULL AND finished_at IS NULL`);
    await runner.query(`
      CREATE FUNCTION wake_waiter() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        UPDATE tasks
           SET wakes = wakes + 1,
               run_at = CASE WHEN snoozed_since IS NOT NULL AND state IN ('PENDING', 'RETRY')
                             THEN least(run_at, now()) ELSE run_at END
         WHERE id = NEW.waiter_id AND finished_at IS NULL;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER tasks_wake_waiter AFTER UPDATE OF finished_at ON tasks FOR EACH ROW
        WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL AND NEW.waiter_id IS NOT NULL)
        EXECUTE FUNCTION wake_waiter()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER tasks_wake_waiter ON tasks`);
    await runner.query(`DROP FUNCTION wake_waiter`);
    await runner.query(`DROP INDEX tasks_waiter`);
    await runner.query(`ALTER TABLE tasks DROP COLUMN waiter_id, DROP COLUMN wakes`);
  }
}
