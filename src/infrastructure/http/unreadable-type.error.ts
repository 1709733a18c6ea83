import type { FastifyRequest } from 'fastify';
import { AppError } from '../../common/app-error.js';

/** A body of a type that this route does not read. */
export class UnreadableTypeError extends AppError {
  constructor({ routeOptions }: Pick<FastifyRequest, 'routeOptions'>) {
    const { acceptsForm, acceptsPicture } = routeOptions.config;
    const read =
      acceptsPicture === true
        ? 'a PNG, JPEG or WebP, or a form (multipart/form-data) with one,'
        : `application/json${acceptsForm === true ? ' or a form' : ''} in UTF-8`;
    super(415, 'unsupported_media_type', `Only ${read} is read here, not compressed.`);
  }
}
