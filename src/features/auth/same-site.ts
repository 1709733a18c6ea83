import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';

/**
 * Whether the browser says that one of our pages sent the request. `unknown` when the request does not say, as
 * those of programs do not.
 *
 * @param publicOrigin scheme, host and port that browsers use for this server; undefined when not configured
 */
export function siteOf(
  request: FastifyRequest,
  publicOrigin: string | undefined,
): 'same' | 'other' | 'unknown' {
  const { origin, referer, 'sec-fetch-site': site } = request.headers;
  const page = origin ?? referer;
  // The browser compares with the address that it used; without a configured origin, that address counts as ours.
  if (site !== undefined && publicOrigin === undefined) return sameIf(site === 'same-origin');
  if (site !== undefined && site !== 'same-origin') return 'other';
  if (page === undefined) return site === undefined ? 'unknown' : 'same';
  const ours = publicOrigin ?? originOf(request);
  return sameIf(ours !== undefined && URL.canParse(page) && new URL(page).origin === ours);
}

function sameIf(same: boolean): 'same' | 'other' {
  return same ? 'same' : 'other';
}

/** Undefined for a host name: any name can be made to resolve to this server, and its pages would look like ours. */
function originOf({ protocol, host, hostname }: FastifyRequest): string | undefined {
  const address = hostname.replace(/^\[|\]$/g, '');
  if (address !== 'localhost' && isIP(address) === 0) return undefined;
  const ours = `${protocol}://${host}`;
  // The header may hold a port or a zone that the address of a page never has.
  return URL.canParse(ours) ? new URL(ours).origin : undefined;
}
