import type { OldRows } from '../maintenance/old-rows.js';

/** Their runs, nodes and documents go with them. Those that are not processed yet stay. */
export const oldEvents: OldRows = {
  what: 'events',
  keptDays: (settings) => settings.eventRetentionDays,
  sql: `
    DELETE FROM events WHERE id IN (
      SELECT id FROM events
       WHERE created_at < now() - $2 * interval '1 day' AND status <> 'ACCEPTED'
       ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id`,
};
