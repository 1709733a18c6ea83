import { Injectable } from '@nestjs/common';
import type { estypes } from '@elastic/elasticsearch';
import { DataSource } from 'typeorm';
import { z } from 'zod';
import { query } from '../../infrastructure/database/transaction.js';
import { placeOf } from '../../infrastructure/http/time-cursor.js';
import { Elasticsearch } from './elasticsearch.js';
import { ElasticsearchTrouble } from './elasticsearch-trouble.js';
import type { FoundEvent, FoundPage, Search } from './found-event.js';
import type { Term } from './search-terms.js';

/** The part of an answer that is read. */
const hit = z.object({
  _id: z.uuid(),
  _score: z.number().nullable(),
  sort: z.tuple([z.number(), z.string()]),
  highlight: z.object({ text: z.array(z.string()) }).optional(),
});
type Hit = z.output<typeof hit>;

/** Finds events by Elasticsearch. What it says of an event is its place; the rest is read from Postgres. */
@Injectable()
export class ElasticsearchSearch {
  constructor(
    private readonly elasticsearch: Elasticsearch,
    private readonly database: DataSource,
  ) {}

  /** @throws ElasticsearchTrouble */
  async find(search: Search): Promise<FoundPage> {
    const answer = await this.elasticsearch.search(requestOf(search));
    const read = z.array(hit).safeParse(answer.hits?.hits);
    if (!read.success) {
      throw new ElasticsearchTrouble('Elasticsearch has answered something else.', 'away');
    }
    const page = read.data.slice(0, search.limit);
    const last = read.data.length > search.limit ? page.at(-1)! : null;
    return {
      events: await this.known(search.ownerId, page),
      next: last && { at: new Date(last.sort[0]), id: last._id },
    };
  }

  /** Without those that were deleted since. */
  private async known(ownerId: string, hits: Hit[]): Promise<FoundEvent[]> {
    const rows = await query<Omit<FoundEvent, 'excerpt' | 'score'>>(
      this.database,
      `SELECT id, type, status, created_at AS "createdAt" FROM events
        WHERE id = ANY($1) AND owner_id = $2`,
      [hits.map(({ _id }) => _id), ownerId],
    );
    const byId = new Map(rows.map((row) => [row.id, row]));
    return hits.flatMap(({ _id, _score, highlight }) => {
      const row = byId.get(_id);
      if (!row) return [];
      const excerpt = Array.from(highlight?.text[0] ?? '')
        .slice(0, 400)
        .join('');
      return [{ ...row, excerpt, score: _score ?? 0 }];
    });
  }
}

function requestOf({ ownerId, terms, type, limit, cursor }: Search): estypes.SearchRequest {
  const { at, id } = placeOf(cursor);
  return {
    query: {
      bool: {
        filter: [
          { term: { owner_id: ownerId } },
          ...(type === undefined ? [] : [{ term: { type } }]),
        ],
        should: terms.map(alternativeOf),
        minimum_should_match: 1,
      },
    },
    sort: [{ created_at: 'desc' }, { event_id: 'desc' }],
    ...(at !== null && { search_after: [at.getTime(), id] }),
    size: limit + 1,
    _source: false,
    track_scores: true,
    track_total_hits: false,
    highlight: {
      fields: { text: { fragment_size: 200, number_of_fragments: 1, no_match_size: 200 } },
      pre_tags: ['**'],
      post_tags: ['**'],
    },
  };
}

function alternativeOf(terms: Term[]): estypes.QueryDslQueryContainer {
  const queriesOf = (without: boolean) =>
    terms
      .filter((term) => term.without === without)
      .map(({ text }) => ({ match_phrase: { text } }));
  return { bool: { must: queriesOf(false), must_not: queriesOf(true) } };
}
