import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Json } from '../../common/json.js';
import { inTransaction, query } from '../../infrastructure/database/transaction.js';
import type { RunEvent } from './pipeline-node.js';

export interface IncomingEvent extends RunEvent {
  data: Json;
}

/** The events that runs read. */
@Injectable()
export class IncomingEvents {
  constructor(private readonly database: DataSource) {}

  /** @returns undefined when it was deleted, or never was */
  async find(id: string): Promise<IncomingEvent | undefined> {
    const [event] = await query<IncomingEvent>(
      this.database,
      `SELECT id, type, owner_id AS "ownerId", created_at AS "createdAt", data
         FROM events WHERE id = $1`,
      [id],
    );
    return event;
  }

  /** Makes the row of a run whose task somebody sent by hand; of all others it exists. */
  async beginRun(eventId: string, runId: string, pipeline: string): Promise<void> {
    await inTransaction(this.database, async (tx) => {
      await tx.query(
        `WITH begun AS (
           INSERT INTO event_runs (id, event_id, pipeline) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING RETURNING id, event_id)
         UPDATE events SET run_id = begun.id, status = 'ACCEPTED', finished_at = NULL
           FROM begun WHERE events.id = begun.event_id`,
        [runId, eventId, pipeline],
      );
    });
  }
}
