/** What an endpoint may ask for. */
export const WEBHOOK_EVENTS = [
  'task.started',
  'task.progress',
  'task.succeeded',
  'task.failed',
  'task.revoked',
  'credits.low',
  'photo.refused',
] as const;
export type WebhookEventType = (typeof WEBHOOK_EVENTS)[number];

/** What is sent: an event, or the answer to a request for a test. */
export type WebhookType = WebhookEventType | 'ping';

/** Something that a user may want to be told of. */
export interface WebhookEvent {
  type: WebhookEventType;
  userId: string;
  /**
   * The same for the same event, which each target is then told of once: the task's id and the type. For
   * `task.progress` the task's id.
   */
  key: string;
  /** JSON, as the API shows it; for a task that is its status. */
  data: Record<string, unknown>;
  /** Another target, for this event alone; the request of a generation names one. */
  url?: string | undefined;
}

/** Bytes of the JSON that is sent. */
const maxBodyBytes = 65_536;

/** The JSON of an event. @param sequence microseconds since 1970, by the database's clock */
export function bodyOf(type: WebhookType, data: Record<string, unknown>, sequence: number): string {
  const timestamp = new Date(sequence / 1_000).toISOString();
  const body = JSON.stringify({ type, timestamp, sequence, data });
  if (Buffer.byteLength(body) <= maxBodyBytes) return body;
  const { task_id, status } = data;
  const short = { task_id, status, truncated: true };
  return JSON.stringify({ type, timestamp, sequence, data: short });
}
