import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { query } from '../../infrastructure/database/transaction.js';
import { ServerSecret } from '../../infrastructure/secret/server-secret.js';
import { sealed, SecretUnreadable, unsealed } from './sealed-secret.js';
import { newWebhookSecret } from './webhook-signature.js';

/** A secret as it is stored. */
export interface SealedSecret {
  secret: Buffer;
  /** The one before, while it still signs as well. */
  previous: Buffer | null;
}

/** Makes the secrets that sign webhooks. They are encrypted with a key that comes from the server's secret. */
@Injectable()
export class WebhookSecrets {
  constructor(
    private readonly database: DataSource,
    private readonly server: ServerSecret,
  ) {}

  /** A new secret for the row `owner`. */
  async make(owner: string): Promise<{ secret: string; box: Buffer }> {
    const secret = newWebhookSecret();
    return { secret, box: sealed(await this.key(), secret, owner) };
  }

  /** The secrets that sign now, the newest first. @throws SecretUnreadable */
  async open({ secret, previous }: SealedSecret, owner: string): Promise<string[]> {
    const key = await this.key();
    const newest = unsealed(key, secret, owner);
    return previous === null ? [newest] : [newest, ...readable(key, previous, owner)];
  }

  /** What signs the webhooks that a user's generations name themselves. Made when it is first needed. @throws SecretUnreadable */
  async ofUser(userId: string): Promise<string[]> {
    const known = await this.stored(userId);
    if (known) return this.open(known, userId);
    const { box } = await this.make(userId);
    await query(
      this.database,
      `INSERT INTO webhook_default_secrets (user_id, secret)
       SELECT id, $2 FROM users WHERE id = $1 ON CONFLICT DO NOTHING`,
      [userId, box],
    );
    // Somebody else's, if that was first.
    const made = await this.stored(userId);
    if (!made) throw new NotFoundError('user');
    return this.open(made, userId);
  }

  /** Makes another secret of the user's; for a day the one before signs as well. */
  async rotateOfUser(userId: string): Promise<{ secret: string; previousUntil: Date | null }> {
    const { secret, box } = await this.make(userId);
    const [row] = await query<{ previousUntil: Date | null }>(
      this.database,
      `INSERT INTO webhook_default_secrets AS d (user_id, secret)
       SELECT id, $2 FROM users WHERE id = $1
       ON CONFLICT (user_id) DO UPDATE
          SET previous_secret = d.secret, previous_until = now() + interval '1 day',
              secret = excluded.secret
       RETURNING previous_until AS "previousUntil"`,
      [userId, box],
    );
    if (!row) throw new NotFoundError('user');
    return { secret, previousUntil: row.previousUntil };
  }

  private async stored(userId: string): Promise<SealedSecret | undefined> {
    const [row] = await query<SealedSecret>(
      this.database,
      `SELECT secret, CASE WHEN previous_until > now() THEN previous_secret END AS previous
         FROM webhook_default_secrets WHERE user_id = $1`,
      [userId],
    );
    return row;
  }

  private key(): Promise<Uint8Array> {
    return this.server.keyFor('webhook secrets');
  }
}

/** The one before may be from the time of another server's secret. */
function readable(key: Uint8Array, box: Buffer, owner: string): string[] {
  try {
    return [unsealed(key, box, owner)];
  } catch (error) {
    if (error instanceof SecretUnreadable) return [];
    throw error;
  }
}
