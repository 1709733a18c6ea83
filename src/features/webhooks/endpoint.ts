import type { WebhookEventType } from './webhook-event.js';

/** What may be shown of an endpoint. */
export interface Endpoint {
  id: string;
  userId: string;
  url: string;
  description: string;
  events: WebhookEventType[];
  enabled: boolean;
  disabledReason: 'gone' | 'failing' | null;
  failingSince: Date | null;
  lastSuccessAt: Date | null;
  lastFailureAt: Date | null;
  createdAt: Date;
}
