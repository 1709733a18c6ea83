import { Inject, Injectable, Logger } from '@nestjs/common';
import type { FastifyContextConfig, FastifyReply, FastifyRequest } from 'fastify';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { SeeOther } from '../../infrastructure/http/see-other.js';
import {
  CrossSiteError,
  ForbiddenError,
  InsufficientScopeError,
  TooManyFailuresError,
  UnauthenticatedError,
} from './auth-errors.js';
import { AccessTokens, isAccessToken } from './access-tokens.js';
import { ApiKeys } from './api-keys.js';
import { AuthService } from './auth.service.js';
import { credentialOf, type Credential } from './credential.js';
import { FailedCredentials } from './failed-credentials.js';
import type { RequestUser } from './request-user.js';
import { siteOf } from './same-site.js';

/** What a route requires of its requests; see `FastifyContextConfig`. */
export type Entrance = Pick<FastifyContextConfig, 'admin' | 'writes' | 'scope' | 'page'>;

/** Admits or refuses every request before its body is read. */
@Injectable()
export class AuthGate {
  private readonly log = new Logger('Auth');

  constructor(
    private readonly auth: AuthService,
    private readonly keys: ApiKeys,
    private readonly tokens: AccessTokens,
    private readonly failures: FailedCredentials,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'publicOrigin'>,
  ) {}

  /**
   * Admits the request and sets its user.
   *
   * @throws UnauthenticatedError, TooManyFailuresError, ForbiddenError, InsufficientScopeError, CrossSiteError; SeeOther to
   * the login page when a browser opens a page
   */
  async admit(request: FastifyRequest, reply: FastifyReply, entrance: Entrance): Promise<void> {
    const credential = credentialOf(request);
    const user = request.user ?? (await this.userOf(credential));
    if (user === undefined) throw this.refusal(credential, request, reply, entrance);
    const writes = entrance.writes === true || !reads(request);
    if (credential.kind === 'session' && writes && this.siteOf(request) !== 'same') {
      throw new CrossSiteError();
    }
    if (entrance.admin === true && user.role !== 'admin') throw new ForbiddenError();
    const needed = entrance.scope ?? (writes ? 'write' : 'read');
    if (needed !== 'none' && !user.scopes.includes(needed)) {
      void reply.header('www-authenticate', `Bearer error="insufficient_scope", scope="${needed}"`);
      throw new InsufficientScopeError(needed, user.scopes);
    }
    request.user = user;
  }

  /** For the login form. @throws TooManyFailuresError */
  async userOfKey(key: string, address: string): Promise<RequestUser | undefined> {
    const user = await this.keys.ownerOf(key);
    if (user === undefined) this.noteFailure(address);
    return user;
  }

  siteOf(request: FastifyRequest): ReturnType<typeof siteOf> {
    return siteOf(request, this.settings.publicOrigin);
  }

  /** Whose credential it is at this moment; undefined: nobody's, or no longer. */
  async userOf(credential: Credential): Promise<RequestUser | undefined> {
    switch (credential.kind) {
      case 'key':
        return isAccessToken(credential.key)
          ? this.tokens.ownerOf(credential.key)
          : this.keys.ownerOf(credential.key);
      case 'session':
        return this.auth.findBySession(credential.token);
      case 'none':
        return undefined;
    }
  }

  private refusal(
    credential: Credential,
    request: FastifyRequest,
    reply: FastifyReply,
    { page }: Entrance,
  ): Error {
    if (page === true && credential.kind !== 'key' && isNavigation(request)) {
      return new SeeOther(`/admin/login?next=${encodeURIComponent(request.url)}`);
    }
    // An expired cookie or token does not count as a guess; their 256 bits cannot be guessed anyway.
    if (credential.kind === 'key' && !isAccessToken(credential.key)) this.noteFailure(request.ip);
    const challenges = ['Bearer realm="darkroom"'];
    // A script's request must not open the browser's login dialog.
    if (page === true && request.headers['sec-fetch-dest'] !== 'empty') {
      challenges.push('Basic realm="darkroom", charset="UTF-8"');
    }
    void reply.header('www-authenticate', challenges);
    return new UnauthenticatedError();
  }

  /** Counts a wrong credential, and logs it. @throws TooManyFailuresError when there were too many */
  noteFailure(address: string): void {
    const seconds = this.failures.add(address);
    // The first one too many has a line of its own, and the others have none.
    if (seconds > 0) throw new TooManyFailuresError(seconds);
    this.log.warn(`a wrong credential from ${address}`);
  }
}

function reads({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

function isNavigation(request: FastifyRequest): boolean {
  return reads(request) && /\btext\/html\b/.test(request.headers.accept ?? '');
}
