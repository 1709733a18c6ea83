import { retryDelayMs } from '../../tasks/definitions/retry-policy.js';
import type { ElasticsearchTrouble } from './elasticsearch-trouble.js';

const largestBatch = 500;

const waits = {
  max: Number.POSITIVE_INFINITY,
  delayMs: 1_000,
  backoff: 'exponential',
  maxDelayMs: 60_000,
  jitter: 0.2,
} as const;

/** How much a process sends to Elasticsearch at once, and how long it waits when that has trouble. */
export class IndexingPace {
  private troubles = 0;
  private batch = largestBatch;

  /** Most documents of a batch. */
  get most(): number {
    return this.batch;
  }

  went(): void {
    this.troubles = 0;
    this.batch = Math.min(largestBatch, this.batch * 2);
  }

  /** @returns milliseconds to wait before the next batch */
  waitAfter({ kind, retryAfterMs }: ElasticsearchTrouble): number {
    this.troubles += 1;
    if (kind === 'busy' || kind === 'too_large') {
      this.batch = Math.max(1, Math.floor(this.batch / 2));
    }
    if (kind === 'too_large') return 0;
    return Math.max(retryAfterMs, retryDelayMs(waits, this.troubles));
  }
}
