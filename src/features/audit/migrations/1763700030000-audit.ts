import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What admins did to what belongs to others. Rows are only ever added. */
export class Audit1763700030000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE audit_log (
        id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        at       timestamptz NOT NULL DEFAULT now(),
        actor_id uuid NOT NULL,
        action   text NOT NULL,
        target   text NOT NULL,
        detail   jsonb NOT NULL DEFAULT '{}'
      )`);
    // No reference to users: an entry outlives the user that it names.
    await runner.query(`COMMENT ON COLUMN audit_log.actor_id IS 'the user who did it'`);
    await runner.query(`COMMENT ON COLUMN audit_log.target IS 'id of what it was done to'`);
    await runner.query(`CREATE INDEX audit_log_target ON audit_log (target, id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE audit_log`);
  }
}
