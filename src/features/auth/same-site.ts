import type { FastifyRequest } from 'fastify';

/**
 * Whether the browser says that a page of ours sent the request. `unknown` when it says nothing,
 * as programs do.
 */
export function siteOf(request: FastifyRequest): 'same' | 'other' | 'unknown' {
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined) return site === 'same-origin' ? 'same' : 'other';
  const origin = request.headers.origin;
  if (origin === undefined) return 'unknown';
  return URL.canParse(origin) && new URL(origin).host === request.host ? 'same' : 'other';
}
