import { z } from 'zod';
import { numberInQuery } from '../../infrastructure/http/number-in-query.js';
import { DELIVERY_STATES, type Attempt, type Delivery } from './delivery.js';

const maxPage = 100;
const moment = z.iso.datetime().nullable();

export const deliveriesQuery = z.strictObject({
  state: z.enum(DELIVERY_STATES).optional(),
  limit: numberInQuery(z.int().min(1).max(maxPage).default(50)).describe(
    `Most deliveries in one answer; at most ${maxPage}.`,
  ),
  cursor: z.uuid().optional().describe('`next_cursor` of the answer before.'),
});
export type DeliveriesQuery = z.output<typeof deliveriesQuery>;

const attemptFields = {
  number: z.int(),
  at: z.iso.datetime(),
  response_status: z.int().nullable().describe('null: there was no answer.'),
  latency_ms: z.int(),
  error: z.string().nullable().describe('null: it was delivered.'),
};

const deliveryFields = {
  delivery_id: z.uuid().describe('The `webhook-id` of the message, after `msg_`.'),
  webhook_id: z.uuid().nullable().describe('null: a generation named the address itself.'),
  url: z.string().nullable().describe('null: the webhook was deleted.'),
  event: z.string(),
  state: z.enum(DELIVERY_STATES).describe('`dead`: it is not tried again, unless you replay it.'),
  error: z.string().nullable().describe('Of the last attempt, or why there is none.'),
  created_at: z.iso.datetime(),
  next_attempt_at: moment,
  finished_at: moment,
};

const delivery = z.strictObject({
  ...deliveryFields,
  attempts: z.array(z.strictObject(attemptFields)).describe('The first one first.'),
});

export const deliveryList = z.strictObject({
  deliveries: z.array(delivery).describe('The newest first.'),
  next_cursor: z.uuid().nullable().describe('null: there are no more.'),
});
export type DeliveryList = z.output<typeof deliveryList>;

export const wholeDelivery = z.strictObject({
  ...deliveryFields,
  body: z.string().describe('What is sent: JSON, to the byte.'),
  attempts: z.array(
    z.strictObject({
      ...attemptFields,
      response: z.string().nullable().describe('The beginning of the answer.'),
    }),
  ),
});
export type WholeDelivery = z.output<typeof wholeDelivery>;

export const sentDelivery = z.strictObject({ delivery_id: z.uuid() });
export type SentDelivery = z.output<typeof sentDelivery>;

export function deliveryListOf(found: Delivery[], limit: number): DeliveryList {
  const page = found.slice(0, limit);
  return {
    deliveries: page.map((one) => ({
      ...deliveryOf(one),
      attempts: one.attempts.map(attemptOf),
    })),
    next_cursor: found.length > limit ? page.at(-1)!.id : null,
  };
}

export function wholeDeliveryOf(one: Delivery & { body: string }): WholeDelivery {
  return {
    ...deliveryOf(one),
    body: one.body,
    attempts: one.attempts.map((attempt) => ({
      ...attemptOf(attempt),
      response: attempt.response,
    })),
  };
}

function deliveryOf(one: Delivery) {
  return {
    delivery_id: one.id,
    webhook_id: one.endpointId,
    url: one.url,
    event: one.type,
    state: one.state,
    error: one.error,
    created_at: one.createdAt.toISOString(),
    next_attempt_at: one.nextAttemptAt?.toISOString() ?? null,
    finished_at: one.finishedAt?.toISOString() ?? null,
  };
}

function attemptOf({ number, at, status, latencyMs, error }: Attempt) {
  return {
    number,
    at: new Date(at).toISOString(),
    response_status: status,
    latency_ms: latencyMs,
    error,
  };
}
