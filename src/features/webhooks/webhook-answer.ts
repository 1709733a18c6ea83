import { isError } from '../../common/is-error.js';
import { DeadlineExceeded } from '../../common/deadline.js';

/** Why a delivery failed, as users see it. */
export type DeliveryError =
  | 'address_refused'
  | 'dns_failed'
  | 'connection_failed'
  | 'tls_failed'
  | 'timeout'
  | 'bad_answer'
  | 'redirected'
  | 'gone'
  | 'http_status';

/** How one attempt went. */
export interface HookAnswer {
  /** Null: delivered. */
  error: DeliveryError | null;
  status: number | null;
  latencyMs: number;
  /** The beginning of the body. */
  response: string | null;
  /** Milliseconds that the receiver asks us to wait; 0: it did not. */
  retryAfterMs: number;
}

/** Thrown before anything is sent. */
export class DeliveryRefused extends Error {
  override readonly name = 'DeliveryRefused';

  constructor(readonly error: 'address_refused' | 'dns_failed') {
    super(error);
  }
}

const keptBytes = 4_096;
const longestRetryAfterMs = 6 * 3_600_000;
const refused = /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|ETIMEDOUT)$/;
const noTls =
  /^(EPROTO|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS_|ERR_SSL_|HOSTNAME_MISMATCH)/;

export function errorOfStatus(status: number): DeliveryError | null {
  if (status >= 200 && status < 300) return null;
  if (status >= 300 && status < 400) return 'redirected';
  return status === 410 ? 'gone' : 'http_status';
}

/** What is told of a failed connection: our own words, and nothing of what is behind an address. */
export function errorOf(thrown: unknown): DeliveryError {
  if (thrown instanceof DeliveryRefused) return thrown.error;
  if (thrown instanceof DeadlineExceeded) return 'timeout';
  const code = isError(thrown) ? ((thrown as NodeJS.ErrnoException).code ?? '') : '';
  if (noTls.test(code)) return 'tls_failed';
  if (refused.test(code)) return 'connection_failed';
  return code.startsWith('HPE_') ? 'bad_answer' : 'connection_failed';
}

/** Whether the receiver is in trouble, rather than this one event. */
export function isTrouble({ error, status }: HookAnswer): boolean {
  return error === 'http_status' ? [429, 502, 503, 504].includes(status!) : error !== null;
}

/** Seconds, or a date. @returns milliseconds, at most six hours; 0 for anything else */
export function retryAfterMs(header: unknown, nowMs = Date.now()): number {
  if (typeof header !== 'string' || header.length > 40) return 0;
  const ms = /^\d+$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(0, ms), longestRetryAfterMs);
}

/** The beginning of a body as text that can be stored and shown: no control characters. */
export function excerptOf(bytes: Buffer): string {
  const text = bytes
    .subarray(0, keptBytes)
    .toString('utf8')
    // oxlint-disable-next-line no-control-regex
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, ' ');
  // Each byte that is no UTF-8 has become three.
  return Buffer.from(text)
    .subarray(0, keptBytes)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
}
