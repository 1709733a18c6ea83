import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { query } from '../../infrastructure/database/transaction.js';
import type { Payload } from '../../tasks/definitions/task-definition.js';
import type { WebhookType } from './webhook-event.js';
import type { deliverWebhookTask } from './webhooks.tasks.js';

/** A delivery whose turn it is. Times in milliseconds. */
export interface DueDelivery {
  id: string;
  userId: string;
  laneId: string;
  /** Null: the generation named the address. */
  endpointId: string | null;
  /** Null: the endpoint was deleted. */
  url: string | null;
  /** Of the endpoint. */
  enabled: boolean | null;
  type: WebhookType;
  round: number;
  /** Since it was announced, or replayed. */
  ageMs: number;
  /** Of the endpoint. */
  secret: Buffer | null;
  previous: Buffer | null;
}

/** Reads what is to be delivered. */
@Injectable()
export class DueDeliveries {
  constructor(private readonly database: DataSource) {}

  /** @returns undefined when there is nothing more to do: it is over, was replayed, or its user is deleted */
  async find({
    delivery_id: id,
    round,
  }: Payload<typeof deliverWebhookTask>): Promise<DueDelivery | undefined> {
    const [due] = await query<DueDelivery>(
      this.database,
      `SELECT d.id, d.user_id AS "userId", d.lane_id AS "laneId", d.endpoint_id AS "endpointId",
              coalesce(d.url, e.url) AS url, e.enabled, d.type, d.round,
              (extract(epoch FROM now() - d.round_since) * 1000)::float8 AS "ageMs", e.secret,
              CASE WHEN e.previous_until > now() THEN e.previous_secret END AS previous
         FROM webhook_deliveries d
         JOIN users u ON u.id = d.user_id AND u.deleted_at IS NULL
         LEFT JOIN webhook_endpoints e ON e.id = d.endpoint_id
        WHERE d.id = $1 AND d.round = $2 AND d.state = 'waiting'`,
      [id, round],
    );
    return due;
  }

  /** How long its host is still left alone, in milliseconds; 0 or less: it is not. */
  async pausedMs(laneId: string, host: string): Promise<number> {
    const [pause] = await query<{ ms: number }>(
      this.database,
      `SELECT (extract(epoch FROM until - now()) * 1000)::float8 AS ms FROM webhook_pauses
        WHERE lane_id = $1 AND host = $2`,
      [laneId, host],
    );
    return pause?.ms ?? 0;
  }

  /** Marks the start of an attempt: from here on, later news of progress are another delivery. @returns what to send */
  async begin(id: string): Promise<string | undefined> {
    const [begun] = await query<{ body: string }>(
      this.database,
      `UPDATE webhook_deliveries SET begun_at = now() WHERE id = $1 RETURNING body`,
      [id],
    );
    return begun?.body;
  }
}
