import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AuthGate } from './auth-gate.js';
import { ADMIN_ONLY, PUBLIC } from './auth.decorators.js';

/** On every route of every controller, unless it is marked `@Public()`. */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly gate: AuthGate,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (this.marked(PUBLIC, context)) return true;
    const http = context.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    await this.gate.admit(request, http.getResponse<FastifyReply>(), {
      admin: this.marked(ADMIN_ONLY, context),
      page: request.routeOptions.url?.startsWith('/admin/') === true,
    });
    return true;
  }

  private marked(mark: string, context: ExecutionContext): boolean {
    const targets = [context.getHandler(), context.getClass()];
    return this.reflector.getAllAndOverride<boolean | undefined>(mark, targets) === true;
  }
}
