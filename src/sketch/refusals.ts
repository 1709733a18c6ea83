import { ApiError, httpException, OUT_OF_MEMORY, validationError } from './api-error.js';
import type { Misbehaviour, MisbehaviourKind } from './misbehaviour.js';

const REFUSALS: Partial<Record<MisbehaviourKind, (order: Misbehaviour) => ApiError>> = {
  refuse_bad_field: () =>
    validationError([
      { loc: ['body', 'steps'], msg: 'value is not a valid integer', type: 'type_error.integer' },
    ]),
  unknown_script: () => httpException(422, 'always on script sketchbook not found'),
  sampler_not_found_400: () =>
    new ApiError(400, forgeError('HTTPException', 'Sampler not found', '')),
  bad_image_500: () => httpException(500, 'Invalid encoded image'),
  oom_forge: () => new ApiError(500, forgeError('OutOfMemoryError', '', OUT_OF_MEMORY)),
  unauthorized,
  rate_limited: ({ retryAfterSeconds }) =>
    new ApiError(
      429,
      { detail: 'Too Many Requests' },
      { 'retry-after': String(retryAfterSeconds) },
    ),
  status_502: () => page(502, 'Bad Gateway'),
  status_503: () => page(503, 'Service Temporarily Unavailable'),
  status_504: () => page(504, 'Gateway Time-out'),
  html_200: () => page(200, 'Please sign in'),
  empty_images: () => new ApiError(200, { images: [], parameters: {}, info: '' }),
};

/** The answer that needs no drawing, when the order is for one of those. */
export function refusalFor(order: Misbehaviour): ApiError | undefined {
  return REFUSALS[order.kind]?.(order);
}

export function unauthorized(): ApiError {
  return httpException(401, 'Incorrect username or password', { 'www-authenticate': 'Basic' });
}

function forgeError(error: string, detail: string, message: string) {
  return { error, detail, body: '', message };
}

function page(status: number, title: string): ApiError {
  const html = `<html>\n<head><title>${title}</title></head>\n<body><center><h1>${title}</h1></center></body>\n</html>\n`;
  return new ApiError(status, html, { 'content-type': 'text/html; charset=utf-8' });
}
