import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What searches look through: the data of an event and the outputs of its nodes. */
export class EventDocuments1763700048000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE event_documents (
        event_id   uuid PRIMARY KEY REFERENCES events ON DELETE CASCADE,
        owner_id   uuid,
        type       text NOT NULL,
        created_at timestamptz(3) NOT NULL,
        version    integer NOT NULL DEFAULT 1,
        outputs    jsonb NOT NULL,
        body       tsvector NOT NULL
      )`);
    await runner.query(`CREATE INDEX event_documents_body ON event_documents USING gin (body)`);
    await runner.query(
      `CREATE INDEX event_documents_owner_time ON event_documents (owner_id, created_at, event_id)`,
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE event_documents`);
  }
}
