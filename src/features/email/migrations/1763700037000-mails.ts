import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The outbox of mails. */
export class Mails1763700037000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE mails (
        id            uuid PRIMARY KEY,
        template      text NOT NULL,
        key           text NOT NULL,
        user_id       uuid REFERENCES users ON DELETE CASCADE,
        address       text,
        language      text NOT NULL,
        "values"      jsonb NOT NULL DEFAULT '{}',
        message_id    text NOT NULL UNIQUE,
        state         text NOT NULL CHECK (state IN ('queued', 'sent', 'failed', 'suppressed')),
        attempts      int NOT NULL DEFAULT 0,
        last_response int,
        created_at    timestamptz NOT NULL DEFAULT now(),
        sent_at       timestamptz CHECK ((sent_at IS NOT NULL) = (state = 'sent')),
        UNIQUE (key, template),
        CHECK (state <> 'queued' OR num_nonnulls(user_id, address) = 1)
      )`);
    await runner.query(
      `COMMENT ON TABLE mails IS 'the outbox; id is that of the send_email_task too'`,
    );
    await runner.query(`COMMENT ON COLUMN mails.key IS 'what the mail is about: the id of a task'`);
    await runner.query(
      `COMMENT ON COLUMN mails.address IS 'only of a mail to nobody''s account; gone once it is over'`,
    );
    await runner.query(
      `COMMENT ON COLUMN mails."values" IS 'for the template; gone once it is over'`,
    );
    await runner.query(`COMMENT ON COLUMN mails.last_response IS 'SMTP code, such as 250 or 451'`);
    await runner.query(`CREATE INDEX mails_user ON mails (user_id)`);
    await runner.query(`CREATE INDEX mails_age ON mails (created_at)`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE mails`);
  }
}
