import type { FastifyRequest } from 'fastify';
import { AppError } from '../../common/app-error.js';

/** A body of a type that this route does not read. */
export class UnreadableTypeError extends AppError {
  constructor({ routeOptions }: Pick<FastifyRequest, 'routeOptions'>) {
    const form = routeOptions.config.acceptsForm === true ? ' or a form' : '';
    super(
      415,
      'unsupported_media_type',
      `Only application/json in UTF-8${form} is read here, not compressed.`,
    );
  }
}
