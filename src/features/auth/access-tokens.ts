import { Injectable } from '@nestjs/common';
import { jwtVerify, SignJWT } from 'jose';
import { DataSource } from 'typeorm';
import { Gathered } from '../../common/gathered.js';
import { inRequestTime, unhurried } from '../../infrastructure/database/request-deadline.js';
import { retried, rows } from '../../infrastructure/database/transaction.js';
import { ServerSecret } from '../../infrastructure/secret/server-secret.js';
import type { RequestUser, User } from './request-user.js';
import { SCOPES } from './scopes.js';

/** How long a token is valid. Seconds. */
export const accessTokenS = 900;

const algorithm = 'HS256';
const issuer = 'darkroom';
const audience = 'darkroom-api';
const type = 'at+jwt';
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

type Holder = User & { loginId: string };

/** Short-lived tokens (JWT) of a login. They end with the login, and what their user may do is looked up each time. */
@Injectable()
export class AccessTokens {
  private readonly byLogin = new Gathered(
    // One query serves many requests, and each request has its own deadline.
    (ids: string[]) => unhurried(() => this.find(ids)),
    500,
  );

  constructor(
    private readonly database: DataSource,
    private readonly secret: ServerSecret,
  ) {}

  /** Makes a token of a login. */
  async issue(loginId: string, userId: string): Promise<string> {
    return new SignJWT({ sid: loginId })
      .setProtectedHeader({ alg: algorithm, typ: type })
      .setSubject(userId)
      .setIssuer(issuer)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(`${accessTokenS} s`)
      .sign(await this.key());
  }

  /** @returns undefined when the token is not valid, or its login has ended */
  async ownerOf(token: string): Promise<RequestUser | undefined> {
    const claims = await this.claimsOf(token);
    if (claims === undefined) return undefined;
    const holder = await inRequestTime(() => this.byLogin.ask(claims.loginId));
    if (holder === undefined || holder.id !== claims.userId) return undefined;
    const { id, name, role } = holder;
    return { id, name, role, scopes: [...SCOPES], credentialExpiresAt: claims.expiresAt };
  }

  private async claimsOf(token: string) {
    try {
      const { payload } = await jwtVerify(token, await this.key(), {
        algorithms: [algorithm],
        issuer,
        audience,
        typ: type,
        requiredClaims: ['sub', 'sid', 'exp', 'iat'],
      });
      const { sid, sub, exp } = payload;
      if (typeof sid !== 'string' || !uuid.test(sid)) return undefined;
      return { loginId: sid, userId: sub, expiresAt: new Date(exp! * 1000) };
    } catch (error) {
      if ((error as { code?: string }).code?.startsWith('ERR_J')) return undefined;
      throw error;
    }
  }

  private key(): Promise<Uint8Array> {
    return this.secret.keyFor('access tokens');
  }

  private async find(loginIds: string[]): Promise<(Holder | undefined)[]> {
    const holders = await retried(() =>
      rows<Holder>(
        this.database,
        `SELECT l.id AS "loginId", u.id, u.name, u.role FROM logins l JOIN users u ON u.id = l.user_id
          WHERE l.id = ANY($1) AND l.expires_at > now() AND u.deleted_at IS NULL`,
        [[...new Set(loginIds)]],
      ),
    );
    const byLogin = new Map(holders.map((holder) => [holder.loginId, holder]));
    return loginIds.map((id) => byLogin.get(id));
  }
}

/** Whether a credential looks like a token rather than a key. */
export function isAccessToken(credential: string): boolean {
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(credential);
}
