import { Injectable } from '@nestjs/common';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { TaskClient } from '../../tasks/sending/task-client.js';
import type { DueDelivery } from './due-deliveries.js';
import { pauseMs, restMs, retryWaitMs } from './retry-times.js';
import { isTrouble, type HookAnswer } from './webhook-answer.js';
import { hostOf } from './webhook-urls.js';
import { deliverWebhookTask } from './webhooks.tasks.js';

export type Outcome = 'delivered' | 'waiting' | 'dead' | 'outdated';

/** An endpoint that has only failed for so many days, and so often, is disabled. */
const failingDays = 5;
const failingTimes = 10;

/** Stores how an attempt went and what follows from it, in the transaction that ends its task. */
@Injectable()
export class DeliveryOutcomes {
  constructor(private readonly tasks: TaskClient) {}

  async store(tx: Transaction, due: DueDelivery, answer: HookAnswer): Promise<Outcome> {
    const attempts = await this.count(tx, due);
    // Deleted or replayed meanwhile.
    if (attempts === undefined) return 'outdated';
    await tx.query(
      `INSERT INTO webhook_attempts (delivery_id, number, latency_ms, response_status, response, error)
       VALUES ($1, $2, $3, $4, $5, $6)`,
      [due.id, attempts.all, answer.latencyMs, answer.status, answer.response, answer.error],
    );
    await this.noteHost(tx, due, answer);
    if (due.endpointId !== null) await this.noteEndpoint(tx, due.endpointId, answer);
    if (answer.error === null) return this.end(tx, due, 'delivered', null);
    const once = due.type === 'task.progress' || due.type === 'ping' || answer.error === 'gone';
    const waitMs = once ? null : retryWaitMs(attempts.ofRound, answer.retryAfterMs);
    if (waitMs === null) return this.end(tx, due, 'dead', answer.error);
    return this.again(tx, due, waitMs, answer.error);
  }

  /** Ends a delivery. @param error why it was not made */
  async end(
    tx: Transaction,
    due: DueDelivery,
    state: 'delivered' | 'dead',
    error: string | null,
  ): Promise<Outcome> {
    await tx.query(
      `UPDATE webhook_deliveries
          SET state = $3, error = $4, finished_at = now(), next_attempt_at = NULL
        WHERE id = $1 AND round = $2 AND state = 'waiting'`,
      [due.id, due.round, state, error],
    );
    return state;
  }

  private async count(tx: Transaction, { id, round }: DueDelivery) {
    const [attempts] = await rows<{ all: number; ofRound: number }>(
      tx,
      `UPDATE webhook_deliveries SET attempts = attempts + 1, round_attempts = round_attempts + 1
        WHERE id = $1 AND round = $2 AND state = 'waiting'
       RETURNING attempts AS all, round_attempts AS "ofRound"`,
      [id, round],
    );
    return attempts;
  }

  private async again(
    tx: Transaction,
    { id, laneId, round }: DueDelivery,
    waitMs: number,
    error: string,
  ): Promise<Outcome> {
    await tx.query(
      `UPDATE webhook_deliveries SET error = $2, next_attempt_at = now() + $3 * interval '1 ms'
        WHERE id = $1`,
      [id, error, waitMs],
    );
    const payload = { delivery_id: id, lane_id: laneId, round };
    await this.tasks.send(tx, deliverWebhookTask, payload, { delayMs: waitMs });
    return 'waiting';
  }

  /** A host that is in trouble, or slow, is left alone for a while; in trouble, twice as long each time. */
  private async noteHost(
    tx: Transaction,
    { laneId, url }: DueDelivery,
    answer: HookAnswer,
  ): Promise<void> {
    const host = hostOf(url!);
    if (!isTrouble(answer)) {
      await tx.query(`DELETE FROM webhook_pauses WHERE lane_id = $1 AND host = $2`, [laneId, host]);
      const rest = restMs(answer.latencyMs);
      if (rest === 0) return;
      await tx.query(
        `INSERT INTO webhook_pauses (lane_id, host, failures, until)
         VALUES ($1, $2, 0, now() + $3 * interval '1 ms')`,
        [laneId, host, rest],
      );
      return;
    }
    const [{ failures }] = (await rows<{ failures: number }>(
      tx,
      `INSERT INTO webhook_pauses (lane_id, host, failures, until) VALUES ($1, $2, 1, now())
       ON CONFLICT (lane_id, host) DO UPDATE SET failures = webhook_pauses.failures + 1
       RETURNING failures`,
      [laneId, host],
    )) as [{ failures: number }];
    await tx.query(
      `UPDATE webhook_pauses SET until = now() + $3 * interval '1 ms' WHERE lane_id = $1 AND host = $2`,
      [laneId, host, pauseMs(failures, answer.retryAfterMs)],
    );
  }

  private async noteEndpoint(tx: Transaction, id: string, { error }: HookAnswer): Promise<void> {
    if (error === null) {
      await tx.query(
        `UPDATE webhook_endpoints SET last_success_at = now(), failures = 0, failing_since = NULL
          WHERE id = $1`,
        [id],
      );
      return;
    }
    await tx.query(
      `UPDATE webhook_endpoints
          SET last_failure_at = now(), failures = failures + 1,
              failing_since = coalesce(failing_since, now())
        WHERE id = $1`,
      [id],
    );
    await tx.query(
      `UPDATE webhook_endpoints
          SET enabled = false, disabled_reason = CASE WHEN $2 THEN 'gone' ELSE 'failing' END
        WHERE id = $1 AND enabled AND ($2 OR failures >= ${failingTimes}
          AND failing_since < now() - ${failingDays} * interval '1 day')`,
      [id, error === 'gone'],
    );
  }
}
