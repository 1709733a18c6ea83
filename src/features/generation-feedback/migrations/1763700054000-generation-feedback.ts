import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What users say of their generations. It outlives the generation, and goes with the user. */
export class GenerationFeedback1763700054000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE generation_feedback (
        owner_id   uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        task_id    uuid NOT NULL,
        event_id   uuid NOT NULL,
        model      text NOT NULL,
        rating     smallint NOT NULL CHECK (rating BETWEEN 1 AND 5),
        text       text,
        flagged    boolean NOT NULL DEFAULT false,
        created_at timestamptz(3) NOT NULL,
        PRIMARY KEY (owner_id, task_id)
      )`);
    await runner.query(
      `COMMENT ON COLUMN generation_feedback.event_id IS 'the newest event that told of it'`,
    );
    await runner.query(`
      CREATE INDEX generation_feedback_model ON generation_feedback (model)
        INCLUDE (rating, flagged)`);
    await runner.query(`
      CREATE INDEX generation_feedback_flagged ON generation_feedback (created_at, task_id)
        WHERE flagged`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE generation_feedback`);
  }
}
