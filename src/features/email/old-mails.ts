import type { OldRows } from '../maintenance/old-rows.js';

/** One that is still being tried stays, however short the retention is: after a week no attempt is left. */
export const oldMails: OldRows = {
  what: 'mails',
  keptDays: (settings) => settings.mailRetentionDays,
  sql: `
    DELETE FROM mails WHERE id IN (
      SELECT id FROM mails
       WHERE created_at < now() - $2 * interval '1 day'
         AND (state <> 'queued' OR created_at < now() - interval '7 days')
       LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id`,
};
