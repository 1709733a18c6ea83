import { routeConfig } from './route-config.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    acceptsForm?: boolean;
    ignoresForm?: boolean;
  }
}

/** The route reads an HTML form (urlencoded) instead of JSON. */
export const AcceptsForm = () => routeConfig({ acceptsForm: true });

/** The route takes an HTML form of either type, and does not look at it. */
export const IgnoresForm = () => routeConfig({ acceptsForm: true, ignoresForm: true });
