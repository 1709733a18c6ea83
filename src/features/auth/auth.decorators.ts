import {
  SetMetadata,
  applyDecorators,
  createParamDecorator,
  type ExecutionContext,
} from '@nestjs/common';
import { ApiExtension } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { openOperation } from '../../infrastructure/http/openapi.js';
import type { RequestUser } from './request-user.js';

export const PUBLIC = 'auth:public';
export const ADMIN_ONLY = 'auth:admin';

/** The route asks for no credential. Health and the login page only. */
export const Public = () =>
  applyDecorators(SetMetadata(PUBLIC, true), ApiExtension(openOperation, true));

/** The route is for admins; others get 403. */
export const AdminOnly = () => SetMetadata(ADMIN_ONLY, true);

/** The {@link RequestUser} of the request, on any route that is not public. */
export const CurrentUser = createParamDecorator(
  (_: unknown, context: ExecutionContext): RequestUser =>
    context.switchToHttp().getRequest<FastifyRequest>().user!,
);
