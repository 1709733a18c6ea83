import type { FastifyRequest } from 'fastify';

export const sessionCookie = 'darkroom_session';

export type Credential =
  { kind: 'key'; key: string } | { kind: 'session'; token: string } | { kind: 'none' };

/** The credential of the request: a key (Bearer, or Basic with the key as password), else the cookie. */
export function credentialOf(request: FastifyRequest): Credential {
  const header = request.headers.authorization;
  if (header !== undefined) return { kind: 'key', key: keyIn(header) };
  const token = request.cookies[sessionCookie];
  return token === undefined ? { kind: 'none' } : { kind: 'session', token };
}

/** Empty when the header holds no key: that is a wrong credential, not a missing one. */
function keyIn(header: string): string {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+) *$/.exec(header) ?? [];
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return value;
    case 'basic': {
      const pair = Buffer.from(value, 'base64').toString();
      return pair.slice(pair.indexOf(':') + 1);
    }
    default:
      return '';
  }
}
