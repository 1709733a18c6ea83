/**
 * What a key may do. `read`: look. `write`: send, cancel and delete. `account`: manage keys. `admin`: all that the
 * role of its user allows; without it, the key of an admin acts as an ordinary user's.
 */
export const SCOPES = ['read', 'write', 'account', 'admin'] as const;

export type Scope = (typeof SCOPES)[number];
