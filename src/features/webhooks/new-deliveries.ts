import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import type { WebhookType } from './webhook-event.js';
import { deliverWebhookTask } from './webhooks.tasks.js';

/** Of one user. More are stored as dead, and can be replayed. */
const maxWaiting = 1_000;

/** An endpoint, whose id is its lane; or an address of a generation, in the user's own lane. */
export interface Target {
  laneId: string;
  /** Null: the endpoint's. */
  url: string | null;
}

/** What is sent to all targets of an event. */
export interface Message {
  type: WebhookType;
  userId: string;
  key: string;
  body: string;
}

const columns = `id, user_id, lane_id, endpoint_id, url, type, event_key, body, state, error, finished_at`;

const insert = `
  INSERT INTO webhook_deliveries (${columns})
  SELECT target.id, $1, lane_id, CASE WHEN target.url IS NULL THEN lane_id END, target.url, $2, $3, $4,
         CASE WHEN $5 THEN 'dead' ELSE 'waiting' END, CASE WHEN $5 THEN 'too_many_waiting' END,
         CASE WHEN $5 THEN now() END
    FROM unnest($6::uuid[], $7::uuid[], $8::text[]) AS target (id, lane_id, url)`;

const onceForEachTarget = `${insert}
  ON CONFLICT (lane_id, event_key) WHERE type <> 'task.progress' DO NOTHING
  RETURNING id, lane_id AS "laneId", true AS fresh`;

/** xmax is 0 in a row that was not there before. */
const latestForEachTarget = `${insert}
  ON CONFLICT (lane_id, event_key)
     WHERE type = 'task.progress' AND state = 'waiting' AND begun_at IS NULL
  DO UPDATE SET body = excluded.body, round_since = now()
  RETURNING id, lane_id AS "laneId", xmax = 0 AS fresh`;

interface Added {
  id: string;
  laneId: string;
  fresh: boolean;
}

/** Stores what is to be delivered, and sends the tasks that do so. */
@Injectable()
export class NewDeliveries {
  constructor(private readonly tasks: TaskClient) {}

  /** @returns ids of the deliveries that are new */
  async add(tx: Transaction, message: Message, targets: Target[]): Promise<string[]> {
    const full = await this.isFull(tx, message.userId);
    const isProgress = message.type === 'task.progress';
    // Nobody would replay it.
    if (full && isProgress) return [];
    const sql = isProgress ? latestForEachTarget : onceForEachTarget;
    const added = await rows<Added>(tx, sql, [
      message.userId,
      message.type,
      message.key,
      message.body,
      full,
      targets.map(() => uuidv7()),
      targets.map(({ laneId }) => laneId),
      targets.map(({ url }) => url),
    ]);
    const fresh = added.filter((one) => one.fresh);
    const sends = full ? [] : fresh.map(({ id, laneId }) => firstSend(id, laneId));
    await this.tasks.sendMany(tx, deliverWebhookTask, sends);
    return fresh.map(({ id }) => id);
  }

  /** Whether so many deliveries of the user wait that no more are taken. */
  async isFull(tx: Transaction, userId: string): Promise<boolean> {
    const [{ waiting }] = (await rows<{ waiting: number }>(
      tx,
      `SELECT count(*)::int AS waiting FROM (
         SELECT FROM webhook_deliveries WHERE user_id = $1 AND state = 'waiting'
          LIMIT ${maxWaiting}) AS counted`,
      [userId],
    )) as [{ waiting: number }];
    return waiting >= maxWaiting;
  }
}

function firstSend(id: string, laneId: string) {
  return { payload: { delivery_id: id, lane_id: laneId, round: 1 } };
}
