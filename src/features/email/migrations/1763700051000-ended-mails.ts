import type { MigrationInterface, QueryRunner } from 'typeorm';

/** A mail whose task ends without its handler (revoked, purged, expired, poisoned) has failed; it has the id of its task. */
export class EndedMails1763700051000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE FUNCTION end_mail() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        UPDATE mails SET state = 'failed', address = NULL, "values" = '{}'
         WHERE id = NEW.id AND state = 'queued';
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER tasks_end_mail AFTER UPDATE OF finished_at ON tasks FOR EACH ROW
        WHEN (OLD.finished_at IS NULL AND NEW.finished_at IS NOT NULL AND NEW.state <> 'SUCCESS'
              AND NEW.name = 'send_email_task')
        EXECUTE FUNCTION end_mail()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TRIGGER tasks_end_mail ON tasks`);
    await runner.query(`DROP FUNCTION end_mail`);
  }
}
