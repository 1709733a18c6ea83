import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction, query, rows } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import type { DeliveriesQuery } from './deliveries.dto.js';
import type { Delivery } from './delivery.js';
import { NewDeliveries } from './new-deliveries.js';
import { bodyOf } from './webhook-event.js';
import { TooManyDeliveriesError } from './webhooks.errors.js';
import { deliverWebhookTask } from './webhooks.tasks.js';

const columns = `
  d.id, d.user_id AS "userId", d.endpoint_id AS "endpointId", coalesce(d.url, e.url) AS url, d.type,
  d.state, d.error, d.created_at AS "createdAt", d.next_attempt_at AS "nextAttemptAt",
  d.finished_at AS "finishedAt"`;

const tables = `webhook_deliveries d LEFT JOIN webhook_endpoints e ON e.id = d.endpoint_id`;

/** Attempts that are shown of one delivery; each replay may add eight. */
const shownAttempts = 50;

const attempts = (response: string) => `
  coalesce((SELECT json_agg(json_build_object(
     'number', number, 'at', at, 'status', response_status, 'latencyMs', latency_ms,
     'error', error, 'response', ${response}) ORDER BY number)
    FROM (SELECT * FROM webhook_attempts WHERE delivery_id = d.id
           ORDER BY number DESC LIMIT ${shownAttempts}) AS a), '[]') AS attempts`;

/** What was sent to whom, for the users. */
@Injectable()
export class Deliveries {
  constructor(
    private readonly database: DataSource,
    private readonly fresh: NewDeliveries,
    private readonly tasks: TaskClient,
  ) {}

  /** One more than a page, the newest first: of a user, or of one of the endpoints. */
  async list(
    of: { userId: string; endpointId?: string },
    { state, cursor, limit }: DeliveriesQuery,
  ): Promise<Delivery[]> {
    return query<Delivery>(
      this.database,
      `SELECT ${columns}, ${attempts('NULL')} FROM ${tables}
        WHERE d.user_id = $1 AND ($2::uuid IS NULL OR d.endpoint_id = $2)
          AND ($3::text IS NULL OR d.state = $3) AND ($4::uuid IS NULL OR d.id < $4)
        ORDER BY d.id DESC LIMIT $5`,
      [of.userId, of.endpointId ?? null, state ?? null, cursor ?? null, limit + 1],
    );
  }

  async find(id: string): Promise<(Delivery & { body: string }) | undefined> {
    const [found] = await query<Delivery & { body: string }>(
      this.database,
      `SELECT ${columns}, d.body, ${attempts('response')} FROM ${tables} WHERE d.id = $1`,
      [id],
    );
    return found;
  }

  /** Sends a `ping` to an endpoint, once. @returns id of the delivery @throws TooManyDeliveriesError */
  async ping(userId: string, endpointId: string): Promise<string> {
    const key = `ping ${Date.now()} ${Math.random()}`;
    return inTransaction(this.database, async (tx) => {
      if (await this.fresh.isFull(tx, userId)) throw new TooManyDeliveriesError();
      const body = bodyOf('ping', { webhook_id: endpointId }, Date.now() * 1_000);
      const message = { type: 'ping' as const, userId, key, body };
      const [id] = await this.fresh.add(tx, message, [{ laneId: endpointId, url: null }]);
      return id!;
    });
  }

  /** Tries a delivery from the beginning, whatever has become of it. @throws TooManyDeliveriesError */
  async replay(id: string, userId: string): Promise<void> {
    await inTransaction(this.database, async (tx) => {
      if (await this.fresh.isFull(tx, userId)) throw new TooManyDeliveriesError();
      const [again] = await rows<{ laneId: string; round: number }>(
        tx,
        `UPDATE webhook_deliveries
            SET state = 'waiting', round = round + 1, round_attempts = 0, round_since = now(),
                begun_at = now(), next_attempt_at = NULL, finished_at = NULL
          WHERE id = $1 RETURNING lane_id AS "laneId", round`,
        [id],
      );
      // Deleted meanwhile.
      if (!again) return;
      const payload = { delivery_id: id, lane_id: again.laneId, round: again.round };
      await this.tasks.send(tx, deliverWebhookTask, payload);
    });
  }
}
