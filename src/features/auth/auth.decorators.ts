import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { openOperation } from '../../infrastructure/http/openapi.js';
import { routeConfig } from '../../infrastructure/http/route-config.js';
import type { RequestUser } from './request-user.js';
import type { Scope } from './scopes.js';

declare module 'fastify' {
  /** What the {@link AuthGate} requires on a route; a credential unless the route says otherwise. */
  interface FastifyContextConfig {
    /** Needs no credential. */
    open?: boolean;
    /** Needs an admin's credential. */
    admin?: boolean;
    /** Changes something, whatever its HTTP method. */
    writes?: boolean;
    /** The scope of a key that it needs. Default: `read`, or `write` if it changes something. */
    scope?: Scope | 'none';
    /** People open it in a browser, which may ask them for a key. */
    page?: boolean;
  }
}

/** The route needs no credential. Only for health, the front door and the login page. */
export const Public = () =>
  applyDecorators(routeConfig({ open: true }), ApiExtension(openOperation, true));

/** The route is for admins; others get 403. */
export const AdminOnly = () => routeConfig({ admin: true });

/** A GET that changes something: a browser's cookie is not enough when another site sent the request. */
export const Writes = () => routeConfig({ writes: true });

/** The route needs a key with this scope, or with any at all. */
export const Needs = (scope: Scope | 'none') => routeConfig({ scope });

/** The {@link RequestUser} of the request, on any route that is not public. */
export const CurrentUser = createParamDecorator(
  (_: unknown, context: ExecutionContext): RequestUser =>
    context.switchToHttp().getRequest<FastifyRequest>().user!,
);
