import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Services that send events for a user, signed with a secret of their own. Secrets are encrypted. */
export class EventSources1763700049000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE event_sources (
        id              uuid PRIMARY KEY,
        user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        name            text NOT NULL,
        types           text[] NOT NULL,
        secret          bytea NOT NULL,
        previous_secret bytea,
        previous_until  timestamptz,
        created_at      timestamptz NOT NULL DEFAULT now(),
        last_used_at    timestamptz
      )`);
    await runner.query(`COMMENT ON COLUMN event_sources.types IS 'empty: all'`);
    await runner.query(`CREATE INDEX event_sources_user ON event_sources (user_id, id)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE event_sources`);
  }
}
