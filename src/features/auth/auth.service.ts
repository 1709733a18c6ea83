import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Gathered } from '../../common/gathered.js';
import { inRequestTime } from '../../infrastructure/database/request-deadline.js';
import { inTransaction, retried, rows } from '../../infrastructure/database/transaction.js';
import { ApiKeyEntity } from './api-key.entity.js';
import { NameTakenError } from './auth-errors.js';
import type { RequestUser } from './request-user.js';
import { digestOf, matches, newKey, prefixOf, randomToken } from './secrets.js';
import { SessionEntity } from './session.entity.js';
import { UserEntity, type Role } from './user.entity.js';

/** Hours a browser stays signed in. */
const sessionHours = 12;
const uniqueViolation = '23505';

interface KeyHolder extends RequestUser {
  prefix: string;
  digest: Buffer;
}

/** Users, their API keys and browser sessions. Nothing is cached: what is revoked is out at once. */
@Injectable()
export class AuthService {
  private readonly byPrefix = new Gathered(
    (prefixes: string[]) => this.findByPrefix(prefixes),
    500,
  );

  constructor(private readonly database: DataSource) {}

  /** @throws NameTakenError */
  async createUser(name: string, role: Role): Promise<RequestUser> {
    const user = { id: uuidv7(), name, role };
    try {
      await this.database.manager.insert(UserEntity, user);
    } catch (error) {
      if ((error as { code?: unknown }).code === uniqueViolation) throw new NameTakenError();
      throw error;
    }
    return user;
  }

  /** A new key of the user. The key itself is in this answer and nowhere else. */
  async createApiKey(userId: string): Promise<{ id: string; key: string }> {
    const { key, prefix, digest } = newKey();
    const id = uuidv7();
    await this.database.manager.insert(ApiKeyEntity, { id, userId, prefix, digest });
    return { id, key };
  }

  /** Ends a key, and the user's browser sessions, as one of them may come from that key. */
  async revokeApiKey(id: string): Promise<void> {
    await this.database.query(
      `WITH gone AS (
         UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL
         RETURNING user_id)
       DELETE FROM sessions WHERE user_id IN (SELECT user_id FROM gone)`,
      [id],
    );
  }

  /** Whose key it is; undefined when it is nobody's. Keys asked for at once share a query. */
  async findByKey(key: string): Promise<RequestUser | undefined> {
    const prefix = prefixOf(key);
    if (prefix === undefined) return undefined;
    // Whoever began the shared query may have more time than this request.
    const found = await inRequestTime(() => this.byPrefix.ask(prefix));
    if (!matches(key, found?.digest) || found === undefined) return undefined;
    return { id: found.id, name: found.name, role: found.role };
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
