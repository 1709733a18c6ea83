import { routeConfig } from './route-config.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    acceptsForm?: boolean;
  }
}

/** The route reads an HTML form (urlencoded) instead of JSON. */
export const AcceptsForm = () => routeConfig({ acceptsForm: true });
