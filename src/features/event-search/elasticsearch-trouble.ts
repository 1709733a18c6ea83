import type { errors } from '@elastic/elasticsearch';
import { messageOf } from '../../common/message-of.js';

/** Longest wait that Elasticsearch may ask for. Milliseconds. */
const longestWaitMs = 3_600_000;

/** Elasticsearch did not do what it was asked. The message is in our words: theirs may hold what documents say. */
export class ElasticsearchTrouble extends Error {
  override readonly name = 'ElasticsearchTrouble';

  constructor(
    message: string,
    /** `away`: it is down, or refuses us; `busy`: it has too much to do; `too_large`, `wrong`: the request is. */
    readonly kind: 'away' | 'busy' | 'too_large' | 'wrong',
    /** How long it has asked us to wait, in milliseconds; 0: it has not. */
    readonly retryAfterMs = 0,
  ) {
    super(message);
  }
}

/** What went wrong with a request, whatever the client has thrown. */
export function troubleOf(error: unknown): ElasticsearchTrouble {
  if (error instanceof ElasticsearchTrouble) return error;
  if (!isResponseError(error)) {
    return new ElasticsearchTrouble(`Elasticsearch cannot be asked: ${messageOf(error)}`, 'away');
  }
  // Not that of its body, which anybody between us may have written.
  const status = error.meta.statusCode ?? 0;
  const type = typeOf(error.body);
  const message = `Elasticsearch answers ${status}${type === undefined ? '' : ` (${type})`}.`;
  return new ElasticsearchTrouble(message, kindOf(status), retryAfterMs(error.headers));
}

function kindOf(status: number): ElasticsearchTrouble['kind'] {
  if (status === 429 || status === 503) return 'busy';
  if (status === 413) return 'too_large';
  return status === 400 ? 'wrong' : 'away';
}

/** By its name: the client, and so its class, is loaded only where it is needed. */
function isResponseError(error: unknown): error is errors.ResponseError {
  return error instanceof Error && error.name === 'ResponseError';
}

function typeOf(body: unknown): string | undefined {
  const type = (body as { error?: { type?: unknown } } | null | undefined)?.error?.type;
  return typeof type === 'string' ? type.slice(0, 100) : undefined;
}

function retryAfterMs(headers: Record<string, unknown> | undefined): number {
  const value = headers?.['retry-after'];
  if (typeof value !== 'string') return 0;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), longestWaitMs);
}
