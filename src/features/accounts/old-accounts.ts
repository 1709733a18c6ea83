import type { OldRows } from '../maintenance/old-rows.js';

export const oldLogins: OldRows = {
  what: 'logins',
  keptDays: undefined,
  sql: `
    DELETE FROM logins WHERE id IN (
      SELECT id FROM logins WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id`,
};

export const oldEmailLinks: OldRows = {
  what: 'email_links',
  keptDays: undefined,
  sql: `
    DELETE FROM email_links WHERE id IN (
      SELECT id FROM email_links WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id`,
};
