import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A delivery whose task ends without its handler (revoked, purged, expired, poisoned) is dead, with the code of the
 * task. The handler itself ends its task as SUCCESS, whatever the receiver says.
 */
export class EndedDeliveries1763700052000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION end_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        UPDATE webhook_deliveries
           SET state = 'dead', error = NEW.error->>'code', finished_at = now(), next_attempt_at = NULL
         WHERE id = (NEW.payload->>'delivery_id')::uuid AND state = 'waiting'
           AND round = (NEW.payload->>'round')::numeric;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER tasks_end_delivery AFTER UPDATE OF finished_at ON tasks FOR EACH ROW
        WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL AND NEW.state <> 'SUCCESS'
              AND NEW.name = 'deliver_webhook_task' AND NEW.kind = 'task')
        EXECUTE FUNCTION end_delivery()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER tasks_end_delivery ON tasks`);
    await runner.query(`DROP FUNCTION end_delivery`);
  }
}
