import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A task may have a follow-up, which is sent by the database when the task ends, as tasks end in many ways. */
export class FollowUps1763700036000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`ALTER TABLE tasks ADD COLUMN follow_up jsonb`);
    await runner.query(`
      COMMENT ON COLUMN tasks.follow_up IS
      'the task that is sent when this one ends: id, name, queue, priority; null: none'`);
    await runner.query(`
      CREATE FUNCTION send_follow_up() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO tasks (id, kind, name, queue, priority, payload, owner_id, correlation_id)
        VALUES ((NEW.follow_up->>'id')::uuid, 'task', NEW.follow_up->>'name', NEW.follow_up->>'queue',
                (NEW.follow_up->>'priority')::smallint, jsonb_build_object('task_id', NEW.id),
                NEW.owner_id, NEW.correlation_id)
        ON CONFLICT (id) DO NOTHING;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER tasks_send_follow_up AFTER UPDATE OF finished_at ON tasks FOR EACH ROW
        WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL AND NEW.follow_up IS NOT NULL)
        EXECUTE FUNCTION send_follow_up()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER tasks_send_follow_up ON tasks`);
    await runner.query(`DROP FUNCTION send_follow_up`);
    await runner.query(`ALTER TABLE tasks DROP COLUMN follow_up`);
  }
}
