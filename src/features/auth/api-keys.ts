import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Gathered } from '../../common/gathered.js';
import { messageOf } from '../../common/message-of.js';
import { inRequestTime, unhurried } from '../../infrastructure/database/request-deadline.js';
import {
  inTransaction,
  retried,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { TooManyKeysError } from './auth-errors.js';
import type { RequestUser } from './request-user.js';
import { SCOPES, type Scope } from './scopes.js';
import { matches, newKey, prefixOf } from './secrets.js';
import type { Role } from './user.entity.js';

/** What the maker of a key decides. */
export interface KeyOptions {
  /** For people: what it is used for. Default: empty. */
  name?: string;
  /** Default: all. */
  scopes?: readonly Scope[];
  /** Milliseconds from now; default: it does not expire. */
  expiresInMs?: number;
  /** Refuses when the user has so many that are neither revoked nor expired. Default: no limit. */
  most?: number;
}

/** What may be shown of a key: neither the key itself nor its digest. */
export interface ListedApiKey {
  id: string;
  /** The first part of a key, after `dk_`. */
  prefix: string;
  name: string;
  scopes: Scope[];
  userId: string;
  user: string;
  role: Role;
  createdAt: Date;
  /** Null: never. */
  expiresAt: Date | null;
  /** To the minute; null: not yet. */
  lastUsedAt: Date | null;
  revokedAt: Date | null;
}

const listed = `
  SELECT k.id, k.prefix, k.name, k.scopes, k.user_id AS "userId", u.name AS user, u.role,
         k.created_at AS "createdAt", k.expires_at AS "expiresAt", k.last_used_at AS "lastUsedAt",
         k.revoked_at AS "revokedAt"
    FROM api_keys k JOIN users u ON u.id = k.user_id`;

/** SQL: the key opens the door. */
const valid = `k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())`;

/** SQL: its last use is unknown, or more than a minute ago. */
const stale = `coalesce(k.last_used_at < now() - interval '1 minute', true)`;

interface KeyHolder extends RequestUser {
  keyId: string;
  prefix: string;
  digest: Buffer;
  stale: boolean;
}

/** API keys. Nothing is cached: a revoked key stops working with the next request. */
@Injectable()
export class ApiKeys {
  private readonly log = new Logger('ApiKeys');
  private readonly byPrefix = new Gathered(
    // One query serves many requests, and each request has its own deadline.
    (prefixes: string[]) => unhurried(() => this.findByPrefix(prefixes)),
    500,
  );
  private readonly uses = new Gathered((ids: string[]) => unhurried(() => this.noteUses(ids)), 500);

  constructor(private readonly database: DataSource) {}

  /**
   * Creates a key for the user. Only this answer contains the key itself.
   *
   * @throws TooManyKeysError
   */
  async create(userId: string, options: KeyOptions = {}): Promise<{ id: string; key: string }> {
    const { name = '', scopes = SCOPES, expiresInMs = null, most } = options;
    const { key, prefix, digest } = newKey();
    const id = uuidv7();
    await inTransaction(this.database, async (tx) => {
      if (most !== undefined) await this.refuseMore(tx, userId, id, most);
      // Safe to repeat when the answer was lost: the row exists by then.
      await tx.query(
        `INSERT INTO api_keys (id, user_id, prefix, digest, name, scopes, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, now() + $7::float8 * interval '1 ms')
         ON CONFLICT DO NOTHING`,
        [id, userId, prefix, digest, name, scopes, expiresInMs],
      );
    });
    return { id, key };
  }

  /** Counts exactly, however many are made at once. @throws TooManyKeysError */
  private async refuseMore(tx: Transaction, userId: string, id: string, most: number) {
    await tx.query(`SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`, [userId]);
    const others = await rows(
      tx,
      `SELECT FROM api_keys k WHERE user_id = $1 AND id <> $2 AND ${valid} LIMIT $3`,
      [userId, id, most],
    );
    if (others.length >= most) throw new TooManyKeysError(most);
  }

  /** Revokes a key, and ends the user's browser sessions: one of them may come from that key. */
  async revoke(id: string): Promise<void> {
    await inTransaction(this.database, async (tx) => {
      const gone = await rows<{ userId: string }>(
        tx,
        `UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL
         RETURNING user_id AS "userId"`,
        [id],
      );
      // A statement of its own: it sees the session that somebody opened with the key while the first one waited.
      for (const { userId } of gone) {
        await tx.query(`DELETE FROM sessions WHERE user_id = $1`, [userId]);
      }
    });
  }

  /** Whether the key, which was right, still is. It cannot be revoked until the transaction is over. */
  async isStillValid(tx: Transaction, key: string): Promise<boolean> {
    const sql = `SELECT FROM api_keys k WHERE k.prefix = $1 AND ${valid} FOR SHARE`;
    return (await rows(tx, sql, [prefixOf(key)])).length > 0;
  }

  /** Lists keys, the oldest first; the keys themselves are not stored. Default: of all users. */
  async list({ revoked, userId }: { revoked: boolean; userId?: string }): Promise<ListedApiKey[]> {
    const sql = `${listed} WHERE (k.revoked_at IS NULL OR $1) AND k.user_id = coalesce($2, k.user_id)
                  ORDER BY k.created_at, k.id`;
    return retried(() => rows(this.database, sql, [revoked, userId ?? null]));
  }

  /** The key with this id or prefix. */
  async find(idOrPrefix: string): Promise<ListedApiKey | undefined> {
    const sql = `${listed} WHERE k.id::text = $1 OR k.prefix = $1`;
    return (await retried(() => rows<ListedApiKey>(this.database, sql, [idOrPrefix])))[0];
  }

  /** Finds the owner of a key; undefined for an unknown, revoked or expired key. Concurrent lookups share a query. */
  async ownerOf(key: string): Promise<RequestUser | undefined> {
    const prefix = prefixOf(key);
    if (prefix === undefined) return undefined;
    const found = await inRequestTime(() => this.byPrefix.ask(prefix));
    if (!matches(key, found?.digest) || found === undefined) return undefined;
    if (found.stale) this.used(found.keyId);
    const { id, name, role, scopes, credentialExpiresAt } = found;
    return limitedTo(scopes, { id, name, role, scopes, credentialExpiresAt });
  }

  /** Nobody waits for it: a key works whether its use is noted or not. */
  private used(id: string): void {
    this.uses.ask(id).catch((error: unknown) => this.log.debug(messageOf(error)));
  }

  private async noteUses(ids: string[]): Promise<undefined[]> {
    // What another request or process has noted, or is noting at this moment, need not be noted twice.
    const sql = `
      UPDATE api_keys SET last_used_at = now()
       WHERE id IN (SELECT id FROM api_keys k WHERE id = ANY($1) AND ${stale}
                     ORDER BY id FOR UPDATE SKIP LOCKED)`;
    await this.database.query(sql, [ids]);
    return ids.map(() => undefined);
  }

  private async findByPrefix(prefixes: string[]): Promise<(KeyHolder | undefined)[]> {
    const asked = [...new Set(prefixes)];
    const holders = await retried(() =>
      rows<KeyHolder>(
        this.database,
        `SELECT k.id AS "keyId", k.prefix, k.digest, k.scopes, u.id, u.name, u.role,
                k.expires_at AS "credentialExpiresAt",
                ${stale} AS stale
           FROM api_keys k JOIN users u ON u.id = k.user_id
          WHERE k.prefix = ANY($1) AND u.deleted_at IS NULL AND ${valid}`,
        [asked],
      ),
    );
    const byPrefix = new Map(holders.map((holder) => [holder.prefix, holder]));
    return prefixes.map((prefix) => byPrefix.get(prefix));
  }
}

/** Without the scope `admin`, an admin is an ordinary user. */
export function limitedTo(scopes: Scope[], user: RequestUser): RequestUser {
  return scopes.includes('admin') ? user : { ...user, role: 'user' };
}
