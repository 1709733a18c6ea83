import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import type { Json } from '../../common/json.js';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { IndexingRequests } from './indexing-requests.js';

/** What is found of an event. */
export interface EventDocument {
  eventId: string;
  /** Outputs of the nodes of its newest run, by name. */
  outputs: Readonly<Record<string, Json>>;
}

/**
 * Characters of a document that can be searched. Postgres takes a megabyte of words at most, and this many never have
 * more, whatever they are.
 */
const searchedLength = 100_000;

const putSql = `
  INSERT INTO event_documents AS known
         (event_id, owner_id, type, created_at, outputs, text, indexed_version)
  SELECT id, owner_id, type, created_at, $2::jsonb,
         (SELECT left(coalesce(string_agg(value #>> '{}', ' '), ''), ${searchedLength})
            FROM jsonb_path_query(jsonb_build_array(data, $2::jsonb),
                   'strict $.** ? (@.type() == "string" || @.type() == "number")') AS value),
         CASE WHEN $3 THEN 0 END
    FROM events WHERE id = $1
  ON CONFLICT (event_id) DO UPDATE
     SET outputs = excluded.outputs, text = excluded.text, version = known.version + 1,
         indexed_version = coalesce(known.indexed_version, excluded.indexed_version),
         index_error = NULL
  RETURNING version`;

/** The documents that searches look through. The rows are the truth; an index of Elasticsearch is made from them. */
@Injectable()
export class EventDocuments {
  private readonly isIndexed: boolean;

  constructor(
    private readonly indexing: IndexingRequests,
    @Inject(SETTINGS) { elasticsearch }: Pick<Settings, 'elasticsearch'>,
  ) {
    this.isIndexed = elasticsearch !== undefined;
  }

  /**
   * Stores the document of an event in the caller's transaction, in place of an earlier one. Postgres finds it from the
   * commit on, Elasticsearch soon after.
   *
   * @returns its version: 1, 2, …; 0 when the event was deleted
   */
  async put(tx: Transaction, { eventId, outputs }: EventDocument): Promise<number> {
    const parameters = [eventId, JSON.stringify(outputs), this.isIndexed];
    const [put] = await rows<{ version: number }>(tx, putSql, parameters);
    if (!put) return 0;
    if (this.isIndexed) await this.indexing.request(tx);
    return put.version;
  }
}
