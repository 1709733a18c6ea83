import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import {
  inTransaction,
  retried,
  rows,
  type Transaction,
} from '../../infrastructure/database/transaction.js';
import { AccessTokens, accessTokenS } from '../auth/access-tokens.js';
import { digestOf, randomToken } from '../auth/secrets.js';
import { isStillRight, type CheckedUser } from './checked-user.js';

/** How long a login lasts after its last refresh. Days. */
const loginDays = 30;
/** Refresh tokens that are remembered, so that a stolen one is recognised. */
const remembered = 20;

export interface Tokens {
  accessToken: string;
  /** Seconds. */
  expiresIn: number;
  refreshToken: string;
}

/**
 * Logins with a password. Each refresh replaces the refresh token. One that was used before ends the login: either the
 * user or somebody else has a stolen copy.
 */
@Injectable()
export class Logins {
  constructor(
    private readonly database: DataSource,
    private readonly tokens: AccessTokens,
  ) {}

  /** @returns undefined when the password was changed meanwhile */
  async start(user: CheckedUser): Promise<Tokens | undefined> {
    const [id, refreshToken] = [uuidv7(), randomToken()];
    const started = await inTransaction(this.database, async (tx) => {
      if (!(await isStillRight(tx, user))) return false;
      await tx.query(
        `INSERT INTO logins (id, user_id, digest, expires_at)
         VALUES ($1, $2, $3, now() + interval '${loginDays} days') ON CONFLICT DO NOTHING`,
        [id, user.id, digestOf(refreshToken)],
      );
      return true;
    });
    return started ? this.tokensOf(id, user.id, refreshToken) : undefined;
  }

  /** @returns undefined when the token is wrong, expired, or was used before */
  async refresh(token: string): Promise<Tokens | undefined> {
    const refreshToken = randomToken();
    const sql = `
      UPDATE logins SET digest = $2, expires_at = now() + interval '${loginDays} days',
             spent = (digest || spent)[1:${remembered}]
       WHERE digest = $1 AND expires_at > now() RETURNING id, user_id AS "userId"`;
    // Not sent again after a lost answer: the token would seem to be used twice. The client logs in again.
    const digest = digestOf(token);
    const [login] = await rows<{ id: string; userId: string }>(this.database, sql, [
      digest,
      digestOf(refreshToken),
    ]);
    if (login) return this.tokensOf(login.id, login.userId, refreshToken);
    await retried(() =>
      this.database.query(`DELETE FROM logins WHERE spent @> ARRAY[$1::bytea]`, [digest]),
    );
    return undefined;
  }

  /** Ends the login of a refresh token, with its access tokens. */
  async end(token: string): Promise<void> {
    await retried(() =>
      this.database.query(`DELETE FROM logins WHERE digest = $1`, [digestOf(token)]),
    );
  }

  /** Ends all logins and browser sessions of a user. */
  async endAll(tx: Transaction, userId: string): Promise<void> {
    await tx.query(`DELETE FROM logins WHERE user_id = $1`, [userId]);
    await tx.query(`DELETE FROM sessions WHERE user_id = $1`, [userId]);
  }

  private async tokensOf(loginId: string, userId: string, refreshToken: string): Promise<Tokens> {
    const accessToken = await this.tokens.issue(loginId, userId);
    return { accessToken, expiresIn: accessTokenS, refreshToken };
  }
}
