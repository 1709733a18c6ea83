import { z } from 'zod';
import { defineTask } from '../../tasks/definitions/task-definition.js';

/**
 * One attempt to deliver one event to one target. The attempt after it is a task of its own, so an attempt and what
 * follows from it are stored together.
 *
 * Failure window: the worker dies after the receiver has answered. Then another attempt sends the same event again,
 * with the same `webhook-id`.
 */
export const deliverWebhookTask = defineTask({
  name: 'deliver_webhook_task',
  queue: 'low_priority',
  chore: true,
  payload: z.strictObject({
    delivery_id: z.uuid(),
    lane_id: z.uuid(),
    /** 1, and one more with each replay: the tasks of earlier rounds have nothing more to do. */
    round: z.int().min(1),
  }),
  result: z.strictObject({
    outcome: z.enum(['delivered', 'waiting', 'dead', 'outdated']),
  }),
  // A receiver that hangs takes one place, and leaves the others to those that do not.
  concurrencyLimit: { limit: 1, key: ({ lane_id }) => lane_id },
  softTimeLimitMs: 30_000,
  hardTimeLimitMs: 45_000,
  resultExpiresMs: 600_000,
  // For our own troubles; a receiver's are counted by the delivery.
  retry: { max: 100_000, delayMs: 1_000, backoff: 'exponential', maxDelayMs: 600_000, jitter: 0.2 },
});
