import { routeConfig } from './route-config.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The body of the request is the bytes of the JSON, which nobody has read yet. */
    rawJson?: boolean;
  }
}

/** The route checks a signature over the bytes of the body before it reads them. */
export const KeepsJsonRaw = () => routeConfig({ rawJson: true });
