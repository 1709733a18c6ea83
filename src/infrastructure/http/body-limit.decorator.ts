import { routeConfig } from './route-config.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Most bytes of the body, instead of the 64 KiB of other routes. */
    bodyBytes?: number;
  }
}

/** The route takes longer bodies. @param bytes most of them */
export const BodyLimit = (bytes: number) => routeConfig({ bodyBytes: bytes });
