import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

/** Standard Webhooks: https://github.com/standard-webhooks/standard-webhooks */

const prefix = 'whsec_';
/** Seconds that a message may be old, or ahead of our clock. */
const toleranceS = 300;

/** Shown to the user; 32 random bytes. */
export function newWebhookSecret(): string {
  return `${prefix}${randomBytes(32).toString('base64')}`;
}

/** 24 to 64 bytes in base64, after `whsec_`. */
export function isWebhookSecret(text: string): boolean {
  if (!/^whsec_[A-Za-z0-9+/]{32,86}={0,2}$/.test(text)) return false;
  const { length } = keyOf(text);
  return length >= 24 && length <= 64;
}

export interface SignedHeaders {
  'webhook-id': string;
  'webhook-timestamp': string;
  'webhook-signature': string;
}

/** The headers of a message. While a secret is being replaced, both sign. @param timestampS seconds since 1970 */
export function signedHeaders(
  secrets: string[],
  id: string,
  timestampS: number,
  body: string,
): SignedHeaders {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampS),
    'webhook-signature': secrets
      .map((secret) => `v1,${signature(secret, id, String(timestampS), body)}`)
      .join(' '),
  };
}

/** Why a message is not to be believed; undefined when it is genuine. @param nowMs milliseconds since 1970 */
export function signatureProblem(
  secret: string,
  headers: Partial<SignedHeaders>,
  body: string | Buffer,
  nowMs = Date.now(),
): string | undefined {
  const id = headers['webhook-id'];
  const timestamp = headers['webhook-timestamp'];
  const signatures = headers['webhook-signature'];
  if (!id || !timestamp || !signatures) return 'a header is missing';
  if (!/^\d{1,12}$/.test(timestamp)) return 'the timestamp is no number';
  if (Math.abs(nowMs / 1_000 - Number(timestamp)) > toleranceS) return 'the timestamp is too old';
  const right = Buffer.from(`v1,${signature(secret, id, timestamp, body)}`);
  const found = signatures
    .split(' ')
    .map((text) => Buffer.from(text))
    .some((text) => text.length === right.length && timingSafeEqual(text, right));
  return found ? undefined : 'no signature is that of this secret';
}

function signature(secret: string, id: string, timestamp: string, body: string | Buffer): string {
  const hmac = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`);
  return hmac.update(body).digest('base64');
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret.slice(prefix.length), 'base64');
}
