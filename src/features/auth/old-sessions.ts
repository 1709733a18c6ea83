import type { OldRows } from '../maintenance/old-rows.js';

/** Expired sessions admit nobody; they only take up space. */
export const oldSessions: OldRows = {
  what: 'sessions',
  keptDays: undefined,
  sql: `
    DELETE FROM sessions WHERE digest IN (
      SELECT digest FROM sessions WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING digest`,
};
