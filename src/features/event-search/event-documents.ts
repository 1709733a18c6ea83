import { Injectable } from '@nestjs/common';
import type { Json } from '../../common/json.js';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';

/** What is found of an event. */
export interface EventDocument {
  eventId: string;
  /** Outputs of the nodes of its newest run, by name. */
  outputs: Readonly<Record<string, Json>>;
}

/** The documents that searches look through. */
@Injectable()
export class EventDocuments {
  /**
   * Stores the document of an event in the caller's transaction, in place of an earlier one.
   *
   * @returns its version: 1, 2, …
   */
  async put(tx: Transaction, { eventId, outputs }: EventDocument): Promise<number> {
    const [put] = await rows<{ version: number }>(
      tx,
      `INSERT INTO event_documents AS known (event_id, owner_id, type, created_at, outputs, body)
       SELECT id, owner_id, type, created_at, $2::jsonb,
              jsonb_to_tsvector('simple', jsonb_build_array(data, $2::jsonb), '["string"]')
         FROM events WHERE id = $1
       ON CONFLICT (event_id) DO UPDATE
          SET outputs = excluded.outputs, body = excluded.body, version = known.version + 1
       RETURNING version`,
      [eventId, JSON.stringify(outputs)],
    );
    return put?.version ?? 0;
  }
}
