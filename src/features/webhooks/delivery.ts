export const DELIVERY_STATES = ['waiting', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

export interface Attempt {
  number: number;
  /** ISO 8601, as Postgres writes it. */
  at: string;
  status: number | null;
  latencyMs: number;
  error: string | null;
  response: string | null;
}

export interface Delivery {
  id: string;
  userId: string;
  endpointId: string | null;
  url: string | null;
  type: string;
  state: DeliveryState;
  error: string | null;
  attempts: Attempt[];
  createdAt: Date;
  nextAttemptAt: Date | null;
  finishedAt: Date | null;
}
