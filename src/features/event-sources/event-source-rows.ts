import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { inTransaction, query, rows } from '../../infrastructure/database/transaction.js';
import type { SealedSecret } from '../webhooks/webhook-secrets.js';
import { TooManySourcesError } from './event-sources.errors.js';

/** Of one user. */
const maxSources = 20;

export interface EventSource {
  id: string;
  userId: string;
  name: string;
  /** Types of events that it may send; empty: all. */
  types: string[];
  createdAt: Date;
  lastUsedAt: Date | null;
}

const shown = `id, user_id AS "userId", name, types, created_at AS "createdAt",
  last_used_at AS "lastUsedAt"`;

/** The services that send events for users. */
@Injectable()
export class EventSourceRows {
  constructor(private readonly database: DataSource) {}

  /** @throws TooManySourcesError; NotFoundError when the user is deleted */
  async add(
    userId: string,
    { id, name, types, box }: Pick<EventSource, 'id' | 'name' | 'types'> & { box: Buffer },
  ): Promise<EventSource> {
    return inTransaction(this.database, async (tx) => {
      const lock = `SELECT FROM users WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE`;
      if ((await rows(tx, lock, [userId])).length === 0) throw new NotFoundError('user');
      const [{ n }] = (await rows<{ n: number }>(
        tx,
        `SELECT count(*)::int AS n FROM event_sources WHERE user_id = $1 AND id <> $2`,
        [userId, id],
      )) as [{ n: number }];
      if (n >= maxSources) throw new TooManySourcesError(maxSources);
      const [made] = await rows<EventSource>(
        tx,
        `INSERT INTO event_sources (id, user_id, name, types, secret) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING ${shown}`,
        [id, userId, name, types, box],
      );
      return made!;
    });
  }

  list(userId: string): Promise<EventSource[]> {
    const sql = `SELECT ${shown} FROM event_sources WHERE user_id = $1 ORDER BY id`;
    return query<EventSource>(this.database, sql, [userId]);
  }

  /** With its secrets. */
  async find(id: string): Promise<(EventSource & SealedSecret) | undefined> {
    const [found] = await query<EventSource & SealedSecret>(
      this.database,
      `SELECT ${shown}, secret, CASE WHEN previous_until > now() THEN previous_secret END AS previous
         FROM event_sources WHERE id = $1`,
      [id],
    );
    return found;
  }

  /** Its events stay. */
  async delete(id: string): Promise<void> {
    await query(this.database, `DELETE FROM event_sources WHERE id = $1`, [id]);
  }

  /** For a day the secret before is accepted as well. @throws NotFoundError when it was deleted */
  async rotate(id: string, box: Buffer): Promise<Date> {
    const [row] = await query<{ until: Date }>(
      this.database,
      `UPDATE event_sources
          SET previous_secret = secret, previous_until = now() + interval '1 day', secret = $2
        WHERE id = $1 RETURNING previous_until AS until`,
      [id, box],
    );
    if (!row) throw new NotFoundError('event source');
    return row.until;
  }

  /** To the minute: a busy source must not write its row with every event. */
  async used({ id, lastUsedAt }: EventSource): Promise<void> {
    if (lastUsedAt !== null && Date.now() - lastUsedAt.getTime() < 60_000) return;
    await query(this.database, `UPDATE event_sources SET last_used_at = now() WHERE id = $1`, [id]);
  }
}
