import { RouteConfig } from '@nestjs/platform-fastify';

declare module 'fastify' {
  interface FastifyContextConfig {
    acceptsForm?: boolean;
  }
}

/** The route reads an HTML form (urlencoded) instead of JSON. */
export const AcceptsForm = () => RouteConfig({ acceptsForm: true });
