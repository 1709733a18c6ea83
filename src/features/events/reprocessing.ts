import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { inTransaction, query, rows } from '../../infrastructure/database/transaction.js';
import { PipelineRegistry } from '../pipelines/pipeline-registry.js';
import { EventStore } from '../pipelines/event-store.js';
import type { ReprocessRequest } from './events.dto.js';

export interface Restarted {
  id: string;
  runId: string;
}

interface Candidate {
  id: string;
  type: string;
}

/** Runs the pipelines of events again, from their first node. What earlier runs have found out stays to be read. */
@Injectable()
export class Reprocessing {
  constructor(
    private readonly database: DataSource,
    private readonly events: EventStore,
  ) {}

  /** @returns undefined when the event is still being processed, or was deleted */
  async one(event: Candidate, correlationId: string): Promise<Restarted | undefined> {
    return (await this.restart([event], correlationId))[0];
  }

  /** Those of the user that fit, the oldest first. */
  async many(
    ownerId: string,
    { type, status, before, limit }: ReprocessRequest,
    correlationId: string,
  ): Promise<Restarted[]> {
    const found = await query<Candidate>(
      this.database,
      `SELECT id, type FROM events
        WHERE owner_id = $1 AND status = $2 AND ($3::text IS NULL OR type = $3)
          AND created_at < coalesce($4::timestamptz, 'infinity')
        ORDER BY created_at, id LIMIT $5`,
      [ownerId, status, type ?? null, before ?? null, limit],
    );
    return this.restart(found, correlationId);
  }

  private async restart(found: Candidate[], correlationId: string): Promise<Restarted[]> {
    // Made here, outside of what may be repeated: a commit whose answer was lost must not leave second runs.
    const wanted = found.map(({ id, type }) => {
      const pipeline = PipelineRegistry.getPipeline(type)?.name ?? null;
      return { id, runId: uuidv7(), pipeline };
    });
    return inTransaction(this.database, async (tx) => {
      const restarted = await rows<Restarted & { ownerId: string | null }>(
        tx,
        `WITH wanted AS (
           SELECT * FROM jsonb_to_recordset($1) AS wanted (id uuid, "runId" uuid, pipeline text)),
         restarted AS (
           UPDATE events SET status = 'ACCEPTED', finished_at = NULL, run_id = wanted."runId"
             FROM wanted
            WHERE events.id = wanted.id AND (status <> 'ACCEPTED' OR run_id = wanted."runId")
            RETURNING events.id, run_id, owner_id, wanted.pipeline, type),
         runs AS (
           INSERT INTO event_runs (id, event_id, pipeline)
           SELECT run_id, id, coalesce(pipeline, type) FROM restarted ON CONFLICT DO NOTHING)
         SELECT id, run_id AS "runId", owner_id AS "ownerId" FROM restarted ORDER BY id`,
        [JSON.stringify(wanted)],
      );
      const runs = restarted.map((run) => ({ ...run, correlationId }));
      await this.events.send(tx, runs);
      return restarted.map(({ id, runId }) => ({ id, runId }));
    });
  }
}
