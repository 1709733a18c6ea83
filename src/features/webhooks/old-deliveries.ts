import type { OldRows } from '../maintenance/old-rows.js';

/** Those that still wait stay: the last attempt is a day after the first. */
export const oldWebhookDeliveries: OldRows = {
  what: 'webhook_deliveries',
  keptDays: (settings) => settings.webhookRetentionDays,
  sql: `
    DELETE FROM webhook_deliveries WHERE id IN (
      SELECT id FROM webhook_deliveries
       WHERE created_at < now() - $2 * interval '1 day'
         AND (state <> 'waiting' OR round_since < now() - interval '7 days')
       LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING id`,
};

/** A host that is still in trouble would have made its pause longer. */
export const oldWebhookPauses: OldRows = {
  what: 'webhook_pauses',
  keptDays: undefined,
  sql: `
    DELETE FROM webhook_pauses WHERE (lane_id, host) IN (
      SELECT lane_id, host FROM webhook_pauses
       WHERE until < now() - interval '1 day' LIMIT $1 FOR UPDATE SKIP LOCKED)
    RETURNING host`,
};
