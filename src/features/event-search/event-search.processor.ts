import { Injectable, Logger } from '@nestjs/common';
import { completeWith, type TaskContext } from '../../tasks/definitions/task-context.js';
import { Snooze } from '../../tasks/definitions/task-errors.js';
import { HandlesTask } from '../../tasks/definitions/task-handler.decorator.js';
import { DocumentsToIndex } from './documents-to-index.js';
import { Elasticsearch } from './elasticsearch.js';
import { ElasticsearchTrouble } from './elasticsearch-trouble.js';
import { EventIndexer } from './event-indexer.js';
import { indexEventsTask, indexingPatienceMs } from './event-search.tasks.js';
import { IndexingPace } from './indexing-pace.js';
import { IndexingRequests } from './indexing-requests.js';

/** After that an attempt lets other tasks have its place. Milliseconds. */
const attemptMs = 60_000;
/** Pause while documents are being written, which makes one batch of many of them. Milliseconds. */
const gatherMs = 500;

@Injectable()
export class EventSearchProcessor {
  private readonly log = new Logger('Search');
  private readonly pace = new IndexingPace();

  constructor(
    private readonly elasticsearch: Elasticsearch,
    private readonly indexer: EventIndexer,
    private readonly documents: DocumentsToIndex,
    private readonly requests: IndexingRequests,
  ) {}

  @HandlesTask(indexEventsTask)
  async index(_payload: null, { signal }: TaskContext) {
    const total = { indexed: 0, removed: 0, refused: 0 };
    if (!this.elasticsearch.isSet) return total;
    const end = performance.now() + attemptMs;
    for (;;) {
      signal.throwIfAborted();
      if (performance.now() > end) throw waiting(0);
      const done = await this.next(signal);
      if (!done) break;
      total.indexed += done.indexed.length;
      total.removed += done.removed.length;
      total.refused += done.refused.length;
    }
    return completeWith(async (tx) => {
      if (!(await this.requests.mayEnd(tx))) throw waiting(gatherMs);
      if (!(await this.documents.isDone(tx))) throw waiting(0);
      return total;
    });
  }

  private async next(signal: AbortSignal) {
    try {
      const batch = await this.indexer.next(this.pace.most, signal);
      if (batch?.trouble) throw batch.trouble;
      if (batch) this.pace.went();
      return batch?.outcome;
    } catch (error) {
      if (!(error instanceof ElasticsearchTrouble)) throw error;
      const waitMs = this.pace.waitAfter(error);
      this.log.warn(`${error.message} Events are indexed later.`);
      throw waiting(waitMs, error);
    }
  }
}

function waiting(delayMs: number, trouble?: ElasticsearchTrouble): Snooze {
  return new Snooze(delayMs, {
    code: trouble ? 'elasticsearch_unavailable' : 'events_arrive',
    message: trouble?.message ?? 'More events are to be indexed.',
    patienceMs: indexingPatienceMs,
  });
}
