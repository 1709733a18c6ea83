import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What searches look through, and what an index of Elasticsearch has to be told of it. */
export class EventDocuments1763700048000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE event_documents (
        event_id        uuid PRIMARY KEY REFERENCES events ON DELETE CASCADE,
        owner_id        uuid,
        type            text NOT NULL,
        created_at      timestamptz(3) NOT NULL,
        version         integer NOT NULL DEFAULT 1,
        outputs         jsonb NOT NULL,
        text            text NOT NULL,
        words           tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('simple', text)) STORED,
        indexed_version integer,
        index_error     jsonb
      )`);
    await runner.query(`
      COMMENT ON COLUMN event_documents.indexed_version IS
        'the version that Elasticsearch has; 0: none yet; null: it is not to have the document'`);
    await runner.query(`
      COMMENT ON COLUMN event_documents.index_error IS
        'why Elasticsearch has refused this version'`);
    await runner.query(`CREATE INDEX event_documents_words ON event_documents USING gin (words)`);
    await runner.query(
      `CREATE INDEX event_documents_owner_time ON event_documents (owner_id, created_at, event_id)`,
    );
    await runner.query(`
      CREATE INDEX event_documents_to_index ON event_documents (event_id)
       WHERE indexed_version < version AND index_error IS NULL`);
    await runner.query(`
      CREATE TABLE removed_event_documents (
        event_id uuid PRIMARY KEY,
        version  integer NOT NULL
      )`);
    await runner.query(`
      COMMENT ON TABLE removed_event_documents IS 'what Elasticsearch still has to remove'`);
    await runner.query(`
      CREATE FUNCTION note_removed_event_document() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN
        INSERT INTO removed_event_documents VALUES (OLD.event_id, OLD.version + 1)
        ON CONFLICT (event_id) DO NOTHING;
        RETURN NULL;
      END $$`);
    await runner.query(`
      CREATE TRIGGER event_documents_removed AFTER DELETE ON event_documents FOR EACH ROW
        WHEN (OLD.indexed_version IS NOT NULL) EXECUTE FUNCTION note_removed_event_document()`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE removed_event_documents, event_documents`);
    await runner.query(`DROP FUNCTION note_removed_event_document`);
  }
}
