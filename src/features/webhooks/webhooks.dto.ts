import { z } from 'zod';
import { isStorable } from '../../common/storable-text.js';
import { WEBHOOK_EVENTS } from './webhook-event.js';
import type { Endpoint } from './endpoint.js';
import { webhookUrl } from './webhook-urls.js';

const event = z.enum(WEBHOOK_EVENTS);
const moment = z.iso.datetime().nullable();

const fields = {
  url: webhookUrl.describe('An https:// URL that is reached from the internet.'),
  events: z.array(event).min(1).max(50).describe('What you want to be told of.'),
  description: z
    .string()
    .trim()
    .max(200)
    .refine(isStorable, 'contains a NUL or a broken character'),
  enabled: z.boolean(),
};

export const newWebhook = z
  .strictObject({
    url: fields.url,
    events: fields.events.default([...WEBHOOK_EVENTS]),
    description: fields.description.default(''),
    enabled: fields.enabled.default(true),
  })
  .meta({
    example: { url: 'https://example.com/hooks', events: ['task.succeeded', 'task.failed'] },
  });
export type NewWebhook = z.output<typeof newWebhook>;

export const webhookChanges = z
  .strictObject(fields)
  .partial()
  .meta({ example: { enabled: true } });
export type WebhookChanges = z.output<typeof webhookChanges>;

const webhookFields = {
  webhook_id: z.uuid(),
  url: z.string(),
  events: z.array(event),
  description: z.string(),
  enabled: z.boolean(),
  disabled_reason: z
    .enum(['gone', 'failing'])
    .nullable()
    .describe(
      '`gone`: the receiver answered 410. `failing`: nothing else for five days. null: it is enabled, or you have disabled it.',
    ),
  failing_since: moment.describe('Of the first failure since the last success.'),
  last_success_at: moment,
  last_failure_at: moment,
  created_at: z.iso.datetime(),
};

export const webhook = z.strictObject(webhookFields);
export type Webhook = z.output<typeof webhook>;

export const madeWebhook = z.strictObject({
  secret: z.string().describe('What signs its events. It is shown only now: keep it.'),
  ...webhookFields,
});
export type MadeWebhook = z.output<typeof madeWebhook>;

export const webhookList = z.strictObject({
  webhooks: z.array(webhook).describe('The oldest first.'),
});
export type WebhookList = z.output<typeof webhookList>;

export const defaultSecret = z.strictObject({ secret: z.string() });
export type DefaultSecret = z.output<typeof defaultSecret>;

export const rotatedSecret = z.strictObject({
  secret: z.string().describe('The new one.'),
  previous_until: moment.describe('Until then the one before signs as well.'),
});
export type RotatedSecret = z.output<typeof rotatedSecret>;

export function webhookOf(endpoint: Endpoint): Webhook {
  return {
    webhook_id: endpoint.id,
    url: endpoint.url,
    events: endpoint.events,
    description: endpoint.description,
    enabled: endpoint.enabled,
    disabled_reason: endpoint.disabledReason,
    failing_since: endpoint.failingSince?.toISOString() ?? null,
    last_success_at: endpoint.lastSuccessAt?.toISOString() ?? null,
    last_failure_at: endpoint.lastFailureAt?.toISOString() ?? null,
    created_at: endpoint.createdAt.toISOString(),
  };
}
