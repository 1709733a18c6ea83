import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where users want to be told of events, and what signs it. Secrets are encrypted. */
export class WebhookEndpoints1763700039000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE webhook_endpoints (
        id              uuid PRIMARY KEY,
        user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        url             text NOT NULL,
        description     text NOT NULL DEFAULT '',
        events          text[] NOT NULL,
        enabled         boolean NOT NULL DEFAULT true,
        disabled_reason text CHECK (disabled_reason IN ('gone', 'failing')),
        secret          bytea NOT NULL,
        previous_secret bytea,
        previous_until  timestamptz,
        failures        integer NOT NULL DEFAULT 0,
        failing_since   timestamptz,
        last_success_at timestamptz,
        last_failure_at timestamptz,
        created_at      timestamptz NOT NULL DEFAULT now()
      )`);
    await runner.query(`CREATE INDEX webhook_endpoints_user ON webhook_endpoints (user_id)`);
    await runner.query(`
      CREATE TABLE webhook_default_secrets (
        user_id         uuid PRIMARY KEY REFERENCES users ON DELETE CASCADE,
        secret          bytea NOT NULL,
        previous_secret bytea,
        previous_until  timestamptz,
        created_at      timestamptz NOT NULL DEFAULT now()
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE webhook_default_secrets`);
    await runner.query(`DROP TABLE webhook_endpoints`);
  }
}
