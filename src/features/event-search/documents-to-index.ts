import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Json } from '../../common/json.js';
import {
  inTransaction,
  query,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';

export interface DocumentToIndex {
  id: string;
  version: number;
  ownerId: string | null;
  type: string;
  createdAt: Date;
  text: string;
  /** Null when they are long: then what they say is in the text alone. */
  data: Json;
  outputs: Json;
}

export interface RemovedDocument {
  id: string;
  /** Above that of the document. */
  version: number;
}

/** What became of documents in Elasticsearch. */
export interface IndexOutcome {
  indexed: { id: string; version: number }[];
  removed: string[];
  refused: { id: string; version: number; error: { type: string; reason: string } }[];
}

/** Bytes of one batch; the first document always fits. */
const batchBytes = 5 * 1024 * 1024;
/** Bytes of the data and outputs of a document that are sent beside its text. */
const detailBytes = 64 * 1024;

const toIndex = `FROM event_documents WHERE indexed_version < version AND index_error IS NULL`;

/** The rows that tell what Elasticsearch does not have yet. */
@Injectable()
export class DocumentsToIndex {
  constructor(private readonly database: DataSource) {}

  /** The oldest ones. @param most how many */
  find(most: number): Promise<DocumentToIndex[]> {
    return query<DocumentToIndex>(
      this.database,
      `WITH due AS (
         SELECT event_id AS id, version, owner_id, type, created_at, text, outputs
           ${toIndex} ORDER BY event_id LIMIT $1),
       measured AS (
         SELECT due.*, data, octet_length(text) AS bytes,
                octet_length(data::text) + octet_length(outputs::text) AS detail
           FROM due JOIN events USING (id)),
       placed AS (
         SELECT *, detail <= ${detailBytes} AS is_short, row_number() OVER (ORDER BY id) AS place,
                sum(bytes + CASE WHEN detail <= ${detailBytes} THEN detail ELSE 0 END)
                  OVER (ORDER BY id) AS total
           FROM measured)
       SELECT id, version, owner_id AS "ownerId", type, created_at AS "createdAt", text,
              CASE WHEN is_short THEN data END AS data,
              CASE WHEN is_short THEN outputs END AS outputs
         FROM placed WHERE place = 1 OR total <= ${batchBytes} ORDER BY id`,
      [most],
    );
  }

  findRemoved(most: number): Promise<RemovedDocument[]> {
    return query<RemovedDocument>(
      this.database,
      `SELECT event_id AS id, version FROM removed_event_documents ORDER BY event_id LIMIT $1`,
      [most],
    );
  }

  /** A document that has changed meanwhile stays to be indexed. */
  async note({ indexed, removed, refused }: IndexOutcome): Promise<void> {
    await inTransaction(this.database, async (tx) => {
      await tx.query(
        `UPDATE event_documents SET indexed_version = greatest(indexed_version, done.version)
           FROM jsonb_to_recordset($1) AS done (id uuid, version int) WHERE event_id = done.id`,
        [JSON.stringify(indexed)],
      );
      await tx.query(
        `UPDATE event_documents known SET index_error = refused.error
           FROM jsonb_to_recordset($1) AS refused (id uuid, version int, error jsonb)
          WHERE event_id = refused.id AND known.version = refused.version`,
        [JSON.stringify(refused)],
      );
      await tx.query(`DELETE FROM removed_event_documents WHERE event_id = ANY($1)`, [removed]);
    });
  }

  async isDone(tx: Transaction): Promise<boolean> {
    const [open] = await rows(
      tx,
      `SELECT WHERE EXISTS (SELECT ${toIndex}) OR EXISTS (SELECT FROM removed_event_documents)`,
    );
    return !open;
  }

  /** All documents are to be indexed again. @returns how many */
  async reset(): Promise<number> {
    let total = 0;
    for (let after: string | null = null; ;) {
      const batch: { id: string }[] = await query(
        this.database,
        `UPDATE event_documents SET indexed_version = 0, index_error = NULL WHERE event_id IN (
           SELECT event_id FROM event_documents
            WHERE event_id > coalesce($1::uuid, '00000000-0000-0000-0000-000000000000')
            ORDER BY event_id LIMIT 1000)
         RETURNING event_id AS id`,
        [after],
      );
      if (batch.length === 0) return total;
      total += batch.length;
      after = batch
        .map(({ id }) => id)
        .toSorted()
        .at(-1)!;
    }
  }
}
