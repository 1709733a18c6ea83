import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The task ledger: one row per task, the truth that every queue engine can be rebuilt from.
 * `idempotency_keys` belongs to features/image-generation; it stays here because released migrations do
 * not change.
 */
export class Tasks1763700000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE tasks (
        id             uuid PRIMARY KEY,
        name           text NOT NULL,
        queue          text NOT NULL,
        priority       smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
        state          text NOT NULL DEFAULT 'PENDING'
                       CHECK (state IN ('PENDING', 'STARTED', 'RETRY', 'SUCCESS', 'FAILURE', 'REVOKED')),
        payload        jsonb NOT NULL,
        result         jsonb,
        error          jsonb,
        progress       jsonb,
        attempt        integer NOT NULL DEFAULT 0,
        retries        integer NOT NULL DEFAULT 0,
        crashes        integer NOT NULL DEFAULT 0,
        run_at         timestamptz NOT NULL DEFAULT now(),
        expires_at     timestamptz,
        queue_check_at timestamptz,
        lease_until    timestamptz,
        worker         text,
        owner_id       uuid,
        correlation_id text,
        created_at     timestamptz NOT NULL DEFAULT now(),
        started_at     timestamptz,
        finished_at    timestamptz,
        CONSTRAINT tasks_final CHECK ((state IN ('SUCCESS', 'FAILURE', 'REVOKED')) = (finished_at IS NOT NULL)),
        CONSTRAINT tasks_lease CHECK ((state = 'STARTED') = (lease_until IS NOT NULL))
      ) WITH (fillfactor = 80)`);
    await runner.query(`
      COMMENT ON COLUMN tasks.queue_check_at IS
      'when the reconciler next makes sure that the queue knows this task; null: not yet handed to the queue'`);
    await runner.query(
      `CREATE INDEX tasks_queue_check ON tasks (queue_check_at, id) WHERE finished_at IS NULL`,
    );
    await runner.query(
      `CREATE INDEX tasks_owner ON tasks (owner_id, id DESC) WHERE owner_id IS NOT NULL`,
    );
    await runner.query(`
      CREATE TABLE idempotency_keys (
        owner_id     uuid NOT NULL,
        key          text NOT NULL,
        request_hash bytea NOT NULL,
        task_id      uuid NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (owner_id, key)
      )`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE idempotency_keys`);
    await runner.query(`DROP TABLE tasks`);
  }
}
