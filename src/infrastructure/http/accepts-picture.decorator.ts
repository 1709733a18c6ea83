import { routeConfig } from './route-config.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    acceptsPicture?: boolean;
  }
}

/** Types of a body that {@link readPicture} reads. */
export const pictureTypes = ['multipart/form-data', 'image/png', 'image/jpeg', 'image/webp'];

/** The route reads a picture instead of JSON: as it is, or as the file of a form. */
export const AcceptsPicture = () => routeConfig({ acceptsPicture: true });
