import { Injectable } from '@nestjs/common';
import { DataSource, type QueryDeepPartialEntity } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Gathered } from '../../common/gathered.js';
import { inRequestTime, unhurried } from '../../infrastructure/database/request-deadline.js';
import {
  inTransaction,
  retried,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { limitedTo } from './api-keys.js';
import { NameTakenError } from './auth-errors.js';
import type { RequestUser, User } from './request-user.js';
import { SCOPES } from './scopes.js';
import { digestOf, randomToken } from './secrets.js';
import { SessionEntity } from './session.entity.js';
import { UserEntity, type Role } from './user.entity.js';

/** How long a browser stays signed in. Hours. */
const sessionHours = 12;

/** Plans of new users. */
const firstPlans: Record<Role, string> = { admin: 'unlimited', user: 'standard' };

/** Who signs in, and what is left of the credential. Default: all scopes, and no end. */
export type SessionUser = Pick<RequestUser, 'id'> &
  Partial<Pick<RequestUser, 'scopes' | 'credentialExpiresAt'>>;

export interface Session {
  /** The value of the cookie; only its digest is kept. */
  token: string;
  /** How long it lasts. */
  seconds: number;
}

interface Found extends RequestUser {
  digest: Buffer;
}

/** Users and their browser sessions. Nothing is cached. */
@Injectable()
export class AuthService {
  private readonly byDigest = new Gathered(
    // One query serves many requests, and each request has its own deadline.
    (digests: Buffer[]) => unhurried(() => this.findByDigest(digests)),
    500,
  );

  constructor(private readonly database: DataSource) {}

  /** @throws NameTakenError */
  async createUser(name: string, role: Role): Promise<User> {
    const user = { id: uuidv7(), name, role };
    const holder = await retried(async () => {
      await this.insertOnce(UserEntity, { ...user, plan: firstPlans[role] });
      return this.database.manager.findOneByOrFail(UserEntity, { name });
    });
    if (holder.id !== user.id) throw new NameTakenError();
    return user;
  }

  /** By name or id. */
  async userOf(nameOrId: string): Promise<User | undefined> {
    const sql = `SELECT id, name, role FROM users WHERE id::text = $1 OR name = $1
                  ORDER BY name = $1 DESC LIMIT 1`;
    return (await rows<User>(this.database, sql, [nameOrId]))[0];
  }

  /** Safe to repeat when the answer was lost: the row exists by then. */
  private async insertOnce<T extends { id: string }>(
    entity: new () => T,
    row: QueryDeepPartialEntity<T>,
  ): Promise<void> {
    await this.database.createQueryBuilder().insert().into(entity).values(row).orIgnore().execute();
  }

  async createSession(user: SessionUser): Promise<Session> {
    return inTransaction(this.database, (tx) => this.addSession(tx, user));
  }

  /** In a transaction that has made sure of the credential: one that ends at this moment must leave no session. */
  async addSession(tx: Transaction, user: SessionUser): Promise<Session> {
    const token = randomToken();
    // A session must not outlive the key that it was opened with.
    const left = user.credentialExpiresAt
      ? (user.credentialExpiresAt.getTime() - Date.now()) / 1000
      : Infinity;
    const seconds = Math.max(1, Math.floor(Math.min(sessionHours * 3600, left)));
    await tx.query(`DELETE FROM sessions WHERE expires_at < now()`);
    await tx.insert(SessionEntity, {
      digest: digestOf(token),
      userId: user.id,
      scopes: user.scopes ?? [...SCOPES],
      expiresAt: () => `now() + interval '${seconds} seconds'`,
    });
    return { token, seconds };
  }

  async findBySession(token: string): Promise<RequestUser | undefined> {
    const found = await inRequestTime(() => this.byDigest.ask(digestOf(token)));
    if (!found) return undefined;
    const { id, name, role, scopes, credentialExpiresAt } = found;
    return limitedTo(scopes, { id, name, role, scopes, credentialExpiresAt });
  }

  async endSession(token: string): Promise<void> {
    const sql = `DELETE FROM sessions WHERE digest = $1`;
    await retried(() => this.database.query(sql, [digestOf(token)]));
  }

  private async findByDigest(digests: Buffer[]): Promise<(Found | undefined)[]> {
    const holders = await retried(() =>
      rows<Found>(
        this.database,
        `SELECT s.digest, u.id, u.name, u.role, s.scopes, s.expires_at AS "credentialExpiresAt"
           FROM sessions s JOIN users u ON u.id = s.user_id
          WHERE s.digest = ANY($1) AND s.expires_at > now() AND u.deleted_at IS NULL`,
        [digests],
      ),
    );
    const byDigest = new Map(holders.map((holder) => [holder.digest.toString('hex'), holder]));
    return digests.map((digest) => byDigest.get(digest.toString('hex')));
  }
}
