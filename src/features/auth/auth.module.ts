import { Module, type NestModule } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { SecretModule } from '../../infrastructure/secret/secret.module.js';
import { AccessTokens } from './access-tokens.js';
import { AdminKey } from './admin-key.js';
import { ApiKeys } from './api-keys.js';
import { AuthGate } from './auth-gate.js';
import { AuthService } from './auth.service.js';
import { FailedCredentials } from './failed-credentials.js';

/** Importing this module puts the gate in front of every route of the process, including routes of plugins. */
@Module({
  imports: [SecretModule],
  providers: [AuthService, ApiKeys, AccessTokens, AdminKey, AuthGate, FailedCredentials],
  exports: [AuthService, ApiKeys, AccessTokens, AdminKey, AuthGate, FailedCredentials],
})
export class AuthModule implements NestModule {
  constructor(
    private readonly http: HttpAdapterHost,
    private readonly gate: AuthGate,
  ) {}

  /**
   * Nest calls this before it registers its routes, and a hook applies to routes registered after it. A guard
   * would run only after the body is read, and does not apply to plugins.
   */
  configure(): void {
    const server = this.http.httpAdapter.getInstance<FastifyInstance>();
    server.addHook('onRequest', async (request, reply) => {
      const { config } = request.routeOptions;
      if (request.is404 || config.open === true) return;
      await this.gate.admit(request, reply, config);
    });
  }
}
