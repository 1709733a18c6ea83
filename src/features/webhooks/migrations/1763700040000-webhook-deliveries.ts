import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What is to be sent to whom, and how each attempt went. A lane is what is delivered one at a time: an endpoint, or
 * all that a user's generations name themselves. Deliveries stay when their endpoint is deleted.
 */
export class WebhookDeliveries1763700040000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE webhook_deliveries (
        id              uuid PRIMARY KEY,
        user_id         uuid NOT NULL REFERENCES users ON DELETE CASCADE,
        lane_id         uuid NOT NULL,
        endpoint_id     uuid,
        url             text,
        type            text NOT NULL,
        event_key       text NOT NULL,
        body            text NOT NULL,
        state           text NOT NULL CHECK (state IN ('waiting', 'delivered', 'dead')),
        error           text,
        attempts        integer NOT NULL DEFAULT 0,
        round           integer NOT NULL DEFAULT 1,
        round_attempts  integer NOT NULL DEFAULT 0,
        round_since     timestamptz NOT NULL DEFAULT now(),
        created_at      timestamptz NOT NULL DEFAULT now(),
        begun_at        timestamptz,
        next_attempt_at timestamptz,
        finished_at     timestamptz
      )`);
    // An event is announced once to each target, however often its task runs.
    await runner.query(`
      CREATE UNIQUE INDEX webhook_deliveries_event ON webhook_deliveries (lane_id, event_key)
       WHERE type <> 'task.progress'`);
    // News of progress that nobody has sent yet is replaced by later news.
    await runner.query(`
      CREATE UNIQUE INDEX webhook_deliveries_progress ON webhook_deliveries (lane_id, event_key)
       WHERE type = 'task.progress' AND state = 'waiting' AND begun_at IS NULL`);
    await runner.query(`CREATE INDEX webhook_deliveries_user ON webhook_deliveries (user_id, id)`);
    await runner.query(`
      CREATE INDEX webhook_deliveries_endpoint ON webhook_deliveries (endpoint_id, id)`);
    await runner.query(`
      CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (user_id) WHERE state = 'waiting'`);
    await runner.query(`
      CREATE INDEX webhook_deliveries_age ON webhook_deliveries (created_at)`);
    await runner.query(`
      CREATE TABLE webhook_attempts (
        delivery_id     uuid NOT NULL REFERENCES webhook_deliveries ON DELETE CASCADE,
        number          integer NOT NULL,
        at              timestamptz NOT NULL DEFAULT now(),
        latency_ms      integer NOT NULL,
        response_status integer,
        response        text,
        error           text,
        PRIMARY KEY (delivery_id, number)
      )`);
    await runner.query(`
      CREATE TABLE webhook_pauses (
        lane_id  uuid NOT NULL,
        host     text NOT NULL,
        failures integer NOT NULL,
        until    timestamptz NOT NULL,
        PRIMARY KEY (lane_id, host)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE webhook_pauses`);
    await runner.query(`DROP TABLE webhook_attempts`);
    await runner.query(`DROP TABLE webhook_deliveries`);
  }
}
