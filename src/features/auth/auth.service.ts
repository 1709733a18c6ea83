import { Injectable } from '@nestjs/common';
import { DataSource, type QueryDeepPartialEntity } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Gathered } from '../../common/gathered.js';
import { inRequestTime, unhurried } from '../../infrastructure/database/request-deadline.js';
import { inTransaction, retried, rows } from '../../infrastructure/database/transaction.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { NameTakenError } from './auth-errors.js';
import type { RequestUser } from './request-user.js';
import { digestOf, matches, newKey, prefixOf, randomToken } from './secrets.js';
import { SessionEntity } from './session.entity.js';
import { UserEntity, type Role } from './user.entity.js';

/** How long a browser stays signed in. Hours. */
const sessionHours = 12;

interface KeyHolder extends RequestUser {
  prefix: string;
  digest: Buffer;
}

/** What may be shown of a key: neither the key itself nor its digest. */
export interface ListedApiKey {
  id: string;
  /** The first part of a key, after `dk_`. */
  prefix: string;
  name: string;
  role: Role;
  createdAt: Date;
  revokedAt: Date | null;
}

const listKeys = `
  SELECT k.id, k.prefix, u.name, u.role, k.created_at AS "createdAt", k.revoked_at AS "revokedAt"
    FROM api_keys k JOIN users u ON u.id = k.user_id`;

/** Users, their API keys and browser sessions. Nothing is cached: a revoked key stops working at once. */
@Injectable()
export class AuthService {
  private readonly byPrefix = new Gathered(
    // One query serves many requests, and each request has its own deadline.
    (prefixes: string[]) => unhurried(() => this.findByPrefix(prefixes)),
    500,
  );

  constructor(private readonly database: DataSource) {}

  /** @throws NameTakenError */
  async createUser(name: string, role: Role): Promise<RequestUser> {
    const user = { id: uuidv7(), name, role };
    const holder = await retried(async () => {
      await this.insertOnce(UserEntity, user);
      return this.database.manager.findOneByOrFail(UserEntity, { name });
    });
    if (holder.id !== user.id) throw new NameTakenError();
    return user;
  }

  /** By name or id. */
  async userOf(nameOrId: string): Promise<RequestUser | undefined> {
    const sql = `SELECT id, name, role FROM users WHERE id::text = $1 OR name = $1
                  ORDER BY name = $1 DESC LIMIT 1`;
    return (await rows<RequestUser>(this.database, sql, [nameOrId]))[0];
  }

  /** Creates a key for the user. Only this answer contains the key itself. */
  async createApiKey(userId: string): Promise<{ id: string; key: string }> {
    const { key, prefix, digest } = newKey();
    const id = uuidv7();
    await retried(() => this.insertOnce(ApiKeyEntity, { id, userId, prefix, digest }));
    return { id, key };
  }

  /** Revokes a key, and ends the user's browser sessions: one of them may come from that key. */
  async revokeApiKey(id: string): Promise<void> {
    const sql = `
      WITH gone AS (
        UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL
        RETURNING user_id)
      DELETE FROM sessions WHERE user_id IN (SELECT user_id FROM gone)`;
    await retried(() => this.database.query(sql, [id]));
  }

  /** Lists keys, the oldest first; the keys themselves are not stored. */
  async apiKeys({ revoked }: { revoked: boolean }): Promise<ListedApiKey[]> {
    const sql = `${listKeys} WHERE k.revoked_at IS NULL OR $1 ORDER BY k.created_at, k.id`;
    return retried(() => rows(this.database, sql, [revoked]));
  }

  /** The key with this id or prefix. */
  async apiKeyOf(idOrPrefix: string): Promise<ListedApiKey | undefined> {
    const sql = `${listKeys} WHERE k.id::text = $1 OR k.prefix = $1`;
    return (await retried(() => rows<ListedApiKey>(this.database, sql, [idOrPrefix])))[0];
  }

  /** Finds the owner of a key; undefined for an unknown key. Concurrent lookups share a query. */
  async findByKey(key: string): Promise<RequestUser | undefined> {
    const prefix = prefixOf(key);
    if (prefix === undefined) return undefined;
    const found = await inRequestTime(() => this.byPrefix.ask(prefix));
    if (!matches(key, found?.digest) || found === undefined) return undefined;
    return { id: found.id, name: found.name, role: found.role };
  }

  /** Safe to repeat when the answer was lost: the row exists by then. */
  private async insertOnce<T extends { id: string }>(
    entity: new () => T,
    row: QueryDeepPartialEntity<T>,
  ): Promise<void> {
    await this.database.createQueryBuilder().insert().into(entity).values(row).orIgnore().execute();
  }

  private async findByPrefix(prefixes: string[]): Promise<(KeyHolder | undefined)[]> {
    const asked = [...new Set(prefixes)];
    const holders = await retried(() =>
      rows<KeyHolder>(
        this.database,
        `SELECT k.prefix, k.digest, u.id, u.name, u.role
           FROM api_keys k JOIN users u ON u.id = k.user_id
          WHERE k.prefix = ANY($1) AND k.revoked_at IS NULL`,
        [asked],
      ),
    );
    const byPrefix = new Map(holders.map((holder) => [holder.prefix, holder]));
    return prefixes.map((prefix) => byPrefix.get(prefix));
  }

  /** @returns the value of the cookie; only its digest is kept */
  async createSession(userId: string): Promise<{ token: string; seconds: number }> {
    const token = randomToken();
    const seconds = sessionHours * 3600;
    await inTransaction(this.database, async (tx) => {
      await tx.query(`DELETE FROM sessions WHERE expires_at < now()`);
      await tx.insert(SessionEntity, {
        digest: digestOf(token),
        userId,
        expiresAt: () => `now() + interval '${seconds} seconds'`,
      });
    });
    return { token, seconds };
  }

  async findBySession(token: string): Promise<RequestUser | undefined> {
    const [found] = await retried(() =>
      rows<RequestUser>(
        this.database,
        `SELECT u.id, u.name, u.role FROM sessions s JOIN users u ON u.id = s.user_id
          WHERE s.digest = $1 AND s.expires_at > now()`,
        [digestOf(token)],
      ),
    );
    return found;
  }

  async endSession(token: string): Promise<void> {
    const sql = `DELETE FROM sessions WHERE digest = $1`;
    await retried(() => this.database.query(sql, [digestOf(token)]));
  }
}
