import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { Client, estypes, TransportRequestOptions } from '@elastic/elasticsearch';
import { deadline, waitAtMost, within } from '../../common/deadline.js';
import type { ElasticsearchEnvironment } from '../../config/variables/search.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { indexTemplate } from './index-template.js';
import { troubleOf } from './elasticsearch-trouble.js';

// Milliseconds.
const templateMs = 10_000;
const bulkMs = 60_000;
const searchMs = 3_000;
const pingMs = 2_000;
const closeMs = 1_000;

/** Bytes of one answer. */
const longestAnswer = 20 * 1024 * 1024;

/** Elasticsearch, with our index. All it throws is {@link ElasticsearchTrouble}, or the reason of the caller's signal. */
@Injectable()
export class Elasticsearch implements OnModuleDestroy {
  private readonly environment: ElasticsearchEnvironment | undefined;
  private opened: Promise<Client> | undefined;

  constructor(@Inject(SETTINGS) { elasticsearch }: Pick<Settings, 'elasticsearch'>) {
    this.environment = elasticsearch;
  }

  /** False: Postgres searches, and nothing else here may be called. */
  get isSet(): boolean {
    return this.environment !== undefined;
  }

  /** Tells it how to index documents. Again it changes nothing. */
  async prepare(signal?: AbortSignal): Promise<void> {
    await this.ask(
      templateMs,
      (client, options) => client.indices.putIndexTemplate(indexTemplate(this.index), options),
      signal,
    );
  }

  /** @returns what became of each operation, in order */
  async bulk(
    operations: estypes.BulkRequest['operations'],
    signal: AbortSignal,
  ): Promise<estypes.BulkResponse['items']> {
    const { items } = await this.ask(
      bulkMs,
      (client, options) => client.bulk({ index: this.index, operations }, options),
      signal,
    );
    return items;
  }

  search(request: estypes.SearchRequest): Promise<estypes.SearchResponse> {
    return this.ask(searchMs, (client, options) =>
      client.search({ index: this.index, ignore_unavailable: true, ...request }, options),
    );
  }

  async ping(): Promise<void> {
    await this.ask(pingMs, (client, options) => client.ping({}, options));
  }

  async onModuleDestroy(): Promise<void> {
    const client = await this.opened?.catch(() => undefined);
    // It waits for answers that may never come.
    if (client) await waitAtMost(closeMs, client.close());
  }

  private get index(): string {
    return this.environment!.index;
  }

  /** The client's own limit ends when the headers of an answer are there, and the deadline when all of it is. */
  private async ask<T>(
    ms: number,
    work: (client: Client, options: TransportRequestOptions) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const client = await this.client();
    const end = deadline(ms, signal);
    try {
      return await within(ms, work(client, { signal: end.signal }), undefined, signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw troubleOf(end.signal.aborted ? end.signal.reason : error);
    } finally {
      end.clear();
    }
  }

  /** Loaded when it is needed: it takes half a second and 30 MB. */
  private client(): Promise<Client> {
    this.opened ??= this.open(this.environment!);
    return this.opened;
  }

  private async open({ url, apiKey }: ElasticsearchEnvironment): Promise<Client> {
    const { Client: ElasticsearchClient } = await import('@elastic/elasticsearch');
    return new ElasticsearchClient({
      node: url,
      ...(apiKey !== undefined && { auth: { apiKey } }),
      // Whoever asks knows when to ask again.
      maxRetries: 0,
      requestTimeout: bulkMs,
      maxResponseSize: longestAnswer,
      enableMetaHeader: false,
    });
  }
}
