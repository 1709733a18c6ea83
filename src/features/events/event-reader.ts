import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Json } from '../../common/json.js';
import { query } from '../../infrastructure/database/transaction.js';
import { placeOf } from '../../infrastructure/http/time-cursor.js';
import { pipelineDrawing } from '../pipelines/pipeline-drawing.js';
import { PipelineRegistry } from '../pipelines/pipeline-registry.js';
import type { EventRow, FoundEvent, NodeRow, RunRow } from './event-rows.js';
import type { ListQuery } from './events.dto.js';

const columns = `id, owner_id AS "ownerId", producer_id AS "producerId", type, status,
  run_id AS "runId", created_at AS "createdAt", finished_at AS "finishedAt"`;

/** Reads events and their runs. */
@Injectable()
export class EventReader {
  constructor(private readonly database: DataSource) {}

  /** A page and one more, the newest first. */
  list(ownerId: string, { type, status, limit, cursor }: ListQuery): Promise<EventRow[]> {
    const { at, id } = placeOf(cursor);
    return query<EventRow>(
      this.database,
      `SELECT ${columns} FROM events
        WHERE owner_id = $1 AND ($5::text IS NULL OR type = $5) AND ($6::text IS NULL OR status = $6)
          AND (created_at, id) < (
              coalesce($3::timestamptz, 'infinity'), coalesce($4::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
        ORDER BY created_at DESC, id DESC LIMIT $2`,
      [ownerId, limit + 1, at, id, type ?? null, status ?? null],
    );
  }

  async row(id: string): Promise<EventRow | undefined> {
    const sql = `SELECT ${columns} FROM events WHERE id = $1`;
    return (await query<EventRow>(this.database, sql, [id]))[0];
  }

  /** @returns undefined when it was deleted meanwhile */
  async find(event: EventRow): Promise<FoundEvent | undefined> {
    const [[found], runs, nodes] = await Promise.all([
      query<{ data: Json }>(this.database, `SELECT data FROM events WHERE id = $1`, [event.id]),
      query<RunRow>(
        this.database,
        `SELECT id, pipeline, state, error, created_at AS "createdAt", finished_at AS "finishedAt"
           FROM event_runs WHERE event_id = $1
          ORDER BY id = $2 DESC, created_at DESC, id DESC LIMIT 10`,
        [event.id, event.runId],
      ),
      query<NodeRow>(
        this.database,
        `SELECT node, state, output, error, failures, task_id AS "taskId", retry_at AS "retryAt",
                started_at AS "startedAt", finished_at AS "finishedAt"
           FROM event_nodes WHERE run_id = $1 ORDER BY started_at, node`,
        [event.runId],
      ),
    ]);
    if (!found || runs.length === 0) return undefined;
    return { event, data: found.data, runs, ...inOrder(runs[0]!.pipeline, nodes) };
  }
}

/** In the order of the pipeline, those that have not begun included. Of an older release's pipeline, those that there are. */
function inOrder(name: string, found: NodeRow[]): Pick<FoundEvent, 'nodes' | 'drawing'> {
  const pipeline = PipelineRegistry.named(name);
  if (!pipeline) return { nodes: found, drawing: '' };
  const byName = new Map(found.map((node) => [node.node, node]));
  const known = [...pipeline.nodes.keys()].map((node) => byName.get(node) ?? pending(node));
  const others = found.filter(({ node }) => !pipeline.nodes.has(node));
  const states = new Map(
    found.flatMap(({ node, state }) => (state === 'PENDING' ? [] : [[node, { state }] as const])),
  );
  return { nodes: [...known, ...others], drawing: pipelineDrawing(pipeline, states) };
}

function pending(node: string): NodeRow {
  return {
    node,
    state: 'PENDING',
    output: null,
    error: null,
    failures: 0,
    taskId: null,
    retryAt: null,
    startedAt: null,
    finishedAt: null,
  };
}
