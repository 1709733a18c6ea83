import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Canvases, callbacks, revocation, expiry of results and limits, on the task ledger. */
export class Canvas1763700003000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE tasks
        ADD COLUMN kind                 text NOT NULL DEFAULT 'task'
                                        CHECK (kind IN ('task', 'map', 'chain', 'group', 'chord')),
        ADD COLUMN canvas_id            uuid,
        ADD COLUMN parent_id            uuid,
        ADD COLUMN position             integer,
        ADD COLUMN open_children        integer,
        ADD COLUMN blocked              boolean NOT NULL DEFAULT false,
        ADD COLUMN input_key            text,
        ADD COLUMN delay_ms             double precision,
        ADD COLUMN expires_in_ms        double precision,
        ADD COLUMN links                jsonb,
        ADD COLUMN overrides            jsonb,
        ADD COLUMN concurrency_key      text,
        ADD COLUMN revoke_requested     jsonb,
        ADD COLUMN revoke_requested_at  timestamptz,
        ADD COLUMN result_expires_at    timestamptz,
        ADD COLUMN forgotten            boolean NOT NULL DEFAULT false`);
    const comments: Record<string, string> = {
      kind: 'task: runs once; map: its handler runs for each of its payloads; chain, group, chord: ends when its children have',
      canvas_id: 'root of the canvas this node belongs to; null: no canvas',
      parent_id:
        'chain, group or chord this node is part of; with position null: the task it is a callback of',
      position: 'place among the children of the parent, from 0',
      open_children: 'children of a group that have not ended',
      blocked: 'waits for another node: no queue knows it and no worker takes it',
      input_key:
        'where the result of the node before goes in the payload; empty: it is the payload; null: nowhere',
      delay_ms: 'milliseconds to wait once it is no longer blocked',
      expires_in_ms: 'milliseconds after which it expires, counted from the end of blocked',
      links: 'callbacks: {success: […], failure: […]}, signatures to send when the task ends so',
      overrides: 'of the definition, by the sender: retry policy, time limits, milliseconds',
      concurrency_key:
        'what its limit of running tasks counts by; null: no limit, or not looked at yet',
      revoke_requested: 'how a running task shall be stopped',
      result_expires_at: 'when the sweeper drops the result; null: never, or not ended',
      forgotten: 'the result was dropped, by its owner or the sweeper',
    };
    for (const [column, text] of Object.entries(comments)) {
      await runner.query(`COMMENT ON COLUMN tasks.${column} IS '${text.replaceAll("'", "''")}'`);
    }
    await runner.query(`DROP INDEX tasks_queue_check`);
    await runner.query(`
      CREATE INDEX tasks_queue_check ON tasks (queue_check_at, id)
       WHERE finished_at IS NULL AND NOT blocked`);
    await runner.query(
      `CREATE INDEX tasks_children ON tasks (parent_id, position) WHERE parent_id IS NOT NULL`,
    );
    await runner.query(
      `CREATE INDEX tasks_canvas ON tasks (canvas_id) WHERE canvas_id IS NOT NULL`,
    );
    await runner.query(`
      CREATE INDEX tasks_canvas_open ON tasks (canvas_id)
       WHERE canvas_id IS NOT NULL AND finished_at IS NULL`);
    await runner.query(`
      CREATE INDEX tasks_result_expiry ON tasks (result_expires_at)
       WHERE result_expires_at IS NOT NULL AND NOT forgotten`);
    await runner.query(
      `CREATE INDEX tasks_finished ON tasks (finished_at) WHERE finished_at IS NOT NULL`,
    );
    await runner.query(`CREATE INDEX tasks_running ON tasks (worker) WHERE state = 'STARTED'`);
  }

  async down(runner: QueryRunner): Promise<void> {
    // Nodes of a canvas mean nothing without it.
    await runner.query(`DELETE FROM tasks WHERE blocked OR kind <> 'task'`);
    await runner.query(
      `DROP INDEX tasks_running, tasks_finished, tasks_result_expiry, tasks_canvas_open, tasks_canvas, tasks_children, tasks_queue_check`,
    );
    await runner.query(`
      ALTER TABLE tasks
        DROP COLUMN kind, DROP COLUMN canvas_id, DROP COLUMN parent_id, DROP COLUMN position,
        DROP COLUMN open_children, DROP COLUMN blocked, DROP COLUMN input_key, DROP COLUMN delay_ms,
        DROP COLUMN expires_in_ms, DROP COLUMN links, DROP COLUMN overrides, 
        DROP COLUMN concurrency_key, DROP COLUMN revoke_requested, DROP COLUMN revoke_requested_at,
        DROP COLUMN result_expires_at, DROP COLUMN forgotten`);
    await runner.query(
      `CREATE INDEX tasks_queue_check ON tasks (queue_check_at, id) WHERE finished_at IS NULL`,
    );
  }
}
