import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { NotFoundError } from '../../common/app-error.js';
import { inTransaction, query, rows } from '../../infrastructure/database/transaction.js';
import type { Endpoint } from './endpoint.js';
import type { NewWebhook, WebhookChanges } from './webhooks.dto.js';
import { TooManyWebhooksError } from './webhooks.errors.js';
import { WebhookSecrets } from './webhook-secrets.js';

/** Of one user. */
const maxEndpoints = 10;

const shown = `
  id, user_id AS "userId", url, description, events, enabled, disabled_reason AS "disabledReason",
  failing_since AS "failingSince", last_success_at AS "lastSuccessAt",
  last_failure_at AS "lastFailureAt", created_at AS "createdAt"`;

/** The endpoints of users. */
@Injectable()
export class WebhookEndpoints {
  constructor(
    private readonly database: DataSource,
    private readonly secrets: WebhookSecrets,
  ) {}

  /** @throws TooManyWebhooksError; NotFoundError when the user is deleted */
  async create(
    userId: string,
    wanted: NewWebhook,
  ): Promise<{ endpoint: Endpoint; secret: string }> {
    const id = uuidv7();
    const { secret, box } = await this.secrets.make(id);
    const endpoint = await inTransaction(this.database, async (tx) => {
      const [user] = await rows(
        tx,
        `SELECT FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE`,
        [userId],
      );
      if (!user) throw new NotFoundError('user');
      const [{ n }] = (await rows<{ n: number }>(
        tx,
        `SELECT count(*)::int AS n FROM webhook_endpoints WHERE user_id = $1`,
        [userId],
      )) as [{ n: number }];
      if (n >= maxEndpoints) throw new TooManyWebhooksError(maxEndpoints);
      const [made] = await rows<Endpoint>(
        tx,
        `INSERT INTO webhook_endpoints (id, user_id, url, description, events, enabled, secret)
         VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING ${shown}`,
        [id, userId, wanted.url, wanted.description, wanted.events, wanted.enabled, box],
      );
      return made!;
    });
    return { endpoint, secret };
  }

  async list(userId: string): Promise<Endpoint[]> {
    return query<Endpoint>(
      this.database,
      `SELECT ${shown} FROM webhook_endpoints WHERE user_id = $1 ORDER BY id`,
      [userId],
    );
  }

  async find(id: string): Promise<Endpoint | undefined> {
    const [found] = await query<Endpoint>(
      this.database,
      `SELECT ${shown} FROM webhook_endpoints WHERE id = $1`,
      [id],
    );
    return found;
  }

  /** Whoever enables an endpoint, or moves it, gives it a new start. @returns undefined when it was deleted */
  async change(id: string, changes: WebhookChanges): Promise<Endpoint | undefined> {
    const { url = null, events = null, description = null, enabled = null } = changes;
    return inTransaction(this.database, async (tx) => {
      const [changed] = await rows<Endpoint>(
        tx,
        `UPDATE webhook_endpoints
            SET url = coalesce($2, url), events = coalesce($3, events),
                description = coalesce($4, description), enabled = coalesce($5, enabled),
                disabled_reason = CASE WHEN $5 IS NULL THEN disabled_reason END,
                failures = CASE WHEN $6 THEN 0 ELSE failures END,
                failing_since = CASE WHEN $6 THEN NULL ELSE failing_since END
          WHERE id = $1 RETURNING ${shown}`,
        [id, url, events, description, enabled, enabled === true || url !== null],
      );
      await tx.query(`DELETE FROM webhook_pauses WHERE lane_id = $1`, [id]);
      return changed;
    });
  }

  /** Its deliveries stay until their time is over; those that wait are not made. */
  async delete(id: string): Promise<void> {
    await query(this.database, `DELETE FROM webhook_endpoints WHERE id = $1`, [id]);
  }

  /** Makes another secret; for a day the one before signs as well. @throws NotFoundError when it was deleted */
  async rotate(id: string): Promise<{ secret: string; previousUntil: Date }> {
    const { secret, box } = await this.secrets.make(id);
    const [row] = await query<{ previousUntil: Date }>(
      this.database,
      `UPDATE webhook_endpoints
          SET previous_secret = secret, previous_until = now() + interval '1 day', secret = $2
        WHERE id = $1 RETURNING previous_until AS "previousUntil"`,
      [id, box],
    );
    if (!row) throw new NotFoundError('webhook');
    return { secret, previousUntil: row.previousUntil };
  }
}
