import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query } from '../../infrastructure/database/transaction.js';
import { placeOf } from '../../infrastructure/http/time-cursor.js';
import type { FoundEvent, FoundPage, Search } from './found-event.js';
import type { Term } from './search-terms.js';

/** Characters of a document that an excerpt is looked for in. */
const excerptOf = 20_000;

const searchSql = `
  SELECT id, found.type, status, found.created_at AS "createdAt", score,
         left(ts_headline('simple', left(text, ${excerptOf}), words,
                'StartSel=**, StopSel=**, MinWords=10, MaxWords=30'), 400) AS excerpt
    FROM (SELECT event_id AS id, type, created_at, text, wanted AS words,
                 ts_rank(event_documents.words, wanted) AS score
            FROM event_documents, websearch_to_tsquery('simple', $2) AS wanted
           WHERE owner_id = $1 AND event_documents.words @@ wanted
             AND ($3::text IS NULL OR type = $3)
             AND (created_at, event_id) < (
                 coalesce($4::timestamptz, 'infinity'),
                 coalesce($5::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'))
           ORDER BY created_at DESC, event_id DESC LIMIT $6) found
    JOIN events USING (id)
   ORDER BY found.created_at DESC, id DESC`;

/** Finds events by Postgres. */
@Injectable()
export class PostgresSearch {
  constructor(private readonly database: DataSource) {}

  async find({ ownerId, terms, type, limit, cursor }: Search): Promise<FoundPage> {
    const { at, id } = placeOf(cursor);
    const parameters = [ownerId, webSearchOf(terms), type ?? null, at, id, limit + 1];
    const found = await query<FoundEvent>(this.database, searchSql, parameters);
    const events = found.slice(0, limit);
    const last = found.length > limit ? events.at(-1)! : null;
    return { events, next: last && { at: last.createdAt, id: last.id } };
  }
}

/** Quotes leave nothing for Postgres to read but words, of which it takes any number. */
function webSearchOf(terms: Term[][]): string {
  const termOf = ({ text, without }: Term) => `${without ? '-' : ''}"${text}"`;
  return terms.map((together) => together.map(termOf).join(' ')).join(' or ');
}
