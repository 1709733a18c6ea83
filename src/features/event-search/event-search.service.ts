import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { Breaker } from '../../common/breaker.js';
import { ElasticsearchSearch } from './elasticsearch-search.js';
import { ElasticsearchTrouble } from './elasticsearch-trouble.js';
import { Elasticsearch } from './elasticsearch.js';
import { eventsFoundOf, type EventsFound, type SearchQuery } from './event-search.dto.js';
import type { FoundPage, Search } from './found-event.js';
import { PostgresSearch } from './postgres-search.js';
import { searchTerms } from './search-terms.js';

/**
 * Finds events of one user: by Elasticsearch, and by Postgres where there is none or it is away. The order, and so the
 * cursor, is the same.
 */
@Injectable()
export class EventSearch implements OnModuleDestroy {
  private readonly log = new Logger('Search');
  private readonly breaker: Breaker;

  constructor(
    private readonly elasticsearch: Elasticsearch,
    private readonly byElasticsearch: ElasticsearchSearch,
    private readonly byPostgres: PostgresSearch,
  ) {
    this.breaker = new Breaker(
      () => elasticsearch.ping(),
      () => this.changed(),
    );
  }

  async find(ownerId: string, { q, ...rest }: SearchQuery): Promise<EventsFound> {
    const search = { ...rest, ownerId, terms: searchTerms(q) };
    const asks = this.elasticsearch.isSet && this.breaker.well && search.terms.length > 0;
    const page = asks ? await this.askElasticsearch(search) : undefined;
    if (page) return eventsFoundOf(page, 'elasticsearch');
    return eventsFoundOf(await this.byPostgres.find(search), 'postgres');
  }

  onModuleDestroy(): void {
    this.breaker.close();
  }

  /** @returns undefined when it has trouble */
  private async askElasticsearch(search: Search): Promise<FoundPage | undefined> {
    try {
      const page = await this.byElasticsearch.find(search);
      this.breaker.succeeded();
      return page;
    } catch (error) {
      if (!(error instanceof ElasticsearchTrouble)) throw error;
      this.log.warn(`${error.message} Postgres searches instead.`);
      // A question that it does not like says nothing about the others.
      if (error.kind !== 'wrong') this.breaker.failed(error.retryAfterMs || undefined);
      return undefined;
    }
  }

  private changed(): void {
    if (this.breaker.well) this.log.log('Elasticsearch is back.');
  }
}
