import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SeeOther } from '../../infrastructure/http/see-other.js';
import {
  CrossSiteError,
  ForbiddenError,
  TooManyFailuresError,
  UnauthenticatedError,
} from './auth-errors.js';
import { AuthService } from './auth.service.js';
import { credentialOf, type Credential } from './credential.js';
import { FailedCredentials } from './failed-credentials.js';
import type { RequestUser } from './request-user.js';
import { siteOf } from './same-site.js';

export interface Entrance {
  admin: boolean;
  /** People come here with a browser: it may ask them for a key. */
  page: boolean;
}

/** Decides about every request, for Nest's routes (the guard) and for those of plugins (a hook). */
@Injectable()
export class AuthGate {
  constructor(
    private readonly auth: AuthService,
    private readonly failures: FailedCredentials,
  ) {}

  /**
   * Lets the request pass and sets its user.
   *
   * @throws UnauthenticatedError, TooManyFailuresError, ForbiddenError, CrossSiteError; SeeOther to
   * the login for a browser on a page
   */
  async admit(request: FastifyRequest, reply: FastifyReply, entrance: Entrance): Promise<void> {
    const credential = credentialOf(request);
    const user = await this.userOf(credential);
    if (user === undefined) throw this.refusal(credential, request, reply, entrance);
    if (credential.kind === 'session' && writes(request) && siteOf(request) !== 'same') {
      throw new CrossSiteError();
    }
    if (entrance.admin && user.role !== 'admin') throw new ForbiddenError();
    request.user = user;
  }

  /** For the login form. @throws TooManyFailuresError */
  async userOfKey(key: string, address: string): Promise<RequestUser | undefined> {
    const user = await this.auth.findByKey(key);
    if (user === undefined) this.noteFailure(address);
    return user;
  }

  private async userOf(credential: Credential): Promise<RequestUser | undefined> {
    switch (credential.kind) {
      case 'key':
        return this.auth.findByKey(credential.key);
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
    if (page && credential.kind !== 'key' && isNavigation(request)) {
      return new SeeOther(`/admin/login?next=${encodeURIComponent(request.url)}`);
    }
    // An expired cookie is no attempt to guess; 256 bits cannot be guessed through it either.
    if (credential.kind === 'key') this.noteFailure(request.ip);
    const challenges = ['Bearer realm="darkroom"'];
    // A script's request must not open the browser's own dialog.
    if (page && request.headers['sec-fetch-dest'] !== 'empty') {
      challenges.push('Basic realm="darkroom", charset="UTF-8"');
    }
    void reply.header('www-authenticate', challenges);
    return new UnauthenticatedError();
  }

  private noteFailure(address: string): void {
    const seconds = this.failures.add(address);
    if (seconds > 0) throw new TooManyFailuresError(seconds);
  }
}

function writes({ method }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

function isNavigation(request: FastifyRequest): boolean {
  return !writes(request) && /\btext\/html\b/.test(request.headers.accept ?? '');
}
