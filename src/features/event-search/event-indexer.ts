import { Injectable, Logger } from '@nestjs/common';
import type { estypes } from '@elastic/elasticsearch';
import { Elasticsearch } from './elasticsearch.js';
import { ElasticsearchTrouble } from './elasticsearch-trouble.js';
import {
  DocumentsToIndex,
  type DocumentToIndex,
  type IndexOutcome,
  type RemovedDocument,
} from './documents-to-index.js';
import { isFlattenable } from './index-template.js';

/** Somebody may put an empty server in place of ours, and without our template it would index otherwise. Milliseconds. */
const preparedMs = 60_000;

type Operations = NonNullable<estypes.BulkRequest['operations']>;

/** A document, or the removal of one, with what Elasticsearch is to do. */
interface Change {
  id: string;
  version: number;
  isRemoval: boolean;
  operations: Operations;
}

/** How far a batch has come. */
export interface Batch {
  outcome: IndexOutcome;
  /** Why the rest has to wait. */
  trouble?: ElasticsearchTrouble;
}

/**
 * Sends documents to Elasticsearch. Their ids are those of the events, and a version that is older than the one there
 * changes nothing; so a batch can be sent again, and late answers do no harm.
 *
 * Failure window: the worker dies before it has noted what Elasticsearch has done. Remedy: the batch is sent again.
 */
@Injectable()
export class EventIndexer {
  private readonly log = new Logger('Search');
  /** Until then Elasticsearch need not be told again how to index. Monotonic clock, milliseconds. */
  private preparedUntil = 0;

  constructor(
    private readonly elasticsearch: Elasticsearch,
    private readonly documents: DocumentsToIndex,
  ) {}

  /**
   * Indexes the next documents and removes the next ones that were deleted.
   *
   * @param most how many
   * @returns undefined when there are none
   * @throws ElasticsearchTrouble when nothing was done
   */
  async next(most: number, signal: AbortSignal): Promise<Batch | undefined> {
    const removed = (await this.documents.findRemoved(most)).map(removalOf);
    const found = removed.length < most ? await this.documents.find(most - removed.length) : [];
    const changes = [...removed, ...found.map(changeOf)];
    if (changes.length === 0) return undefined;
    const items = await this.send(changes, signal);
    const batch = outcomeOf(changes, items);
    for (const { id, error } of batch.outcome.refused) {
      this.log.warn(`Elasticsearch refuses the event ${id} (${error.type}).`);
    }
    await this.documents.note(batch.outcome);
    return batch;
  }

  private async send(changes: Change[], signal: AbortSignal) {
    try {
      if (performance.now() >= this.preparedUntil) {
        await this.elasticsearch.prepare(signal);
        this.preparedUntil = performance.now() + preparedMs;
      }
      return await this.elasticsearch.bulk(
        changes.flatMap(({ operations }) => operations),
        signal,
      );
    } catch (error) {
      // It may come back empty.
      this.preparedUntil = 0;
      const [only] = changes;
      if (changes.length > 1 || !(error instanceof ElasticsearchTrouble)) throw error;
      if (error.kind !== 'too_large') throw error;
      const refused = { status: 413, error: { type: 'too_large', reason: error.message } };
      return [{ [only!.isRemoval ? 'delete' : 'index']: refused }];
    }
  }
}

function changeOf(document: DocumentToIndex): Change {
  const { id, version, ownerId, type, createdAt, text, data, outputs } = document;
  const source = {
    event_id: id,
    owner_id: ownerId,
    type,
    created_at: createdAt.toISOString(),
    text,
    ...(isFlattenable(data) && { data }),
    ...(isFlattenable(outputs) && { outputs }),
  };
  const place = { _id: id, version, version_type: 'external_gte' as const };
  return { id, version, isRemoval: false, operations: [{ index: place }, source] };
}

function removalOf({ id, version }: RemovedDocument): Change {
  const place = { _id: id, version, version_type: 'external_gte' as const };
  return { id, version, isRemoval: true, operations: [{ delete: place }] };
}

/** @throws ElasticsearchTrouble when it is no answer to these changes */
function outcomeOf(changes: Change[], items: unknown): Batch {
  if (!Array.isArray(items) || items.length !== changes.length) {
    throw new ElasticsearchTrouble('Elasticsearch has answered something else.', 'away');
  }
  const outcome: IndexOutcome = { indexed: [], removed: [], refused: [] };
  let trouble: ElasticsearchTrouble | undefined;
  for (const [n, { id, version, isRemoval }] of changes.entries()) {
    const item = (items as (estypes.BulkResponse['items'][number] | null)[])[n];
    const { status, error } = (isRemoval ? item?.delete : item?.index) ?? { status: 500 };
    if (isDone(status, error?.type, isRemoval)) {
      if (isRemoval) outcome.removed.push(id);
      else outcome.indexed.push({ id, version });
    } else if (isRemoval || mayPass(status)) {
      const kind = status === 429 || status === 503 ? 'busy' : 'away';
      const why = `Elasticsearch answers ${status} (${error?.type ?? 'unknown'}) to a document.`;
      trouble = new ElasticsearchTrouble(why, kind);
    } else {
      outcome.refused.push({ id, version, error: shortened(error) });
    }
  }
  return { outcome, ...(trouble && { trouble }) };
}

/** A conflict: what Elasticsearch has is newer. */
function isDone(status: number, error: string | undefined, isRemoval: boolean): boolean {
  if (status >= 200 && status < 300) return true;
  return status === 409 || (isRemoval && status === 404 && error !== 'index_not_found_exception');
}

/** The trouble is not this document: the index is not there or closed, or the server is in trouble. */
function mayPass(status: number): boolean {
  return [401, 403, 404, 429].includes(status) || status >= 500;
}

function shortened(error: estypes.ErrorCause | undefined) {
  return { type: storable(error?.type ?? 'unknown'), reason: storable(error?.reason ?? '') };
}

/** Bounded, and without what Postgres cannot store: it quotes the document. */
function storable(text: unknown): string {
  return Buffer.from(String(text).slice(0, 500)).toString().replaceAll('\0', '\uFFFD');
}
