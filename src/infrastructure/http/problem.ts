import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import type { FieldError, ProblemMembers } from '../../common/app-error.js';

/**
 * The body of every error answer (RFC 9457).
 *
 * `type` stays `about:blank`: a URL here promises a page, and the docs ask for a credential. The
 * stable code for programs is `code`.
 */
export const problemSchema = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string().describe('The reason phrase of the HTTP status.'),
  status: z.int(),
  code: z.string().describe('A stable code for programs; see the list at the top.'),
  detail: z.string().describe('A sentence for people. It may change.'),
  errors: z
    .array(z.strictObject({ path: z.string(), message: z.string() }))
    .optional()
    .describe('The invalid fields, if the error is about fields.'),
  balance: z.number().optional().describe('`insufficient_credits`: what you have.'),
  price: z.number().optional().describe('`insufficient_credits`: what this would cost.'),
  limit: z.string().optional().describe('`quota_exceeded`: the limit of the plan that is reached.'),
  correlation_id: z.string().describe('The same as in the X-Correlation-Id header and the log.'),
});

export type Problem = z.infer<typeof problemSchema>;

/** Codes of the HTTP layer itself; those of the features are in api-features.ts. */
export const httpProblemCodes = {
  malformed_request:
    'The request cannot be read: for example invalid JSON, a duplicate key or a malformed URL.',
  unauthenticated: 'The credential is missing or invalid.',
  forbidden: 'The credential is valid but does not allow this.',
  cross_site_request: 'Another site started this request with the session cookie of a user.',
  not_found: 'It does not exist, or it belongs to somebody else.',
  method_not_allowed: 'The path exists but does not support this method; see Allow.',
  request_timeout: 'The request did not arrive in time.',
  conflict: 'The request conflicts with the current state.',
  body_too_large: 'The body is larger than 64 KB, or an uploaded picture than UPLOAD_MAX_BYTES.',
  uri_too_long: 'A part of the path is too long.',
  unsupported_media_type:
    'The body is not JSON in UTF-8 (where a picture is uploaded: no picture or form), or it is compressed.',
  invalid_fields: 'Some fields are invalid; `errors` lists them.',
  too_many_requests: 'There were too many requests; see Retry-After.',
  headers_too_large: 'The headers are larger than 16 KB.',
  internal_error: 'A bug in Darkroom. Search the log for the correlation id.',
  unavailable: 'A service that the API needs is not available; see Retry-After.',
} as const;

export type HttpProblemCode = keyof typeof httpProblemCodes;

/** Code and sentence of a status that was raised without either: by Fastify, Nest or a plugin. */
const ofStatus: Record<number, [HttpProblemCode, string]> = {
  400: ['malformed_request', 'The request cannot be read.'],
  401: ['unauthenticated', 'A valid credential is needed.'],
  403: ['forbidden', 'This credential does not allow it.'],
  404: ['not_found', 'There is nothing here.'],
  405: ['method_not_allowed', 'This path does not support this method.'],
  408: ['request_timeout', 'The request did not arrive in time.'],
  409: ['conflict', 'The request conflicts with the current state.'],
  413: ['body_too_large', 'The body is larger than 64 KB.'],
  414: ['uri_too_long', 'A part of the path is too long.'],
  415: ['unsupported_media_type', 'The body must be application/json.'],
  422: ['invalid_fields', 'Some fields are invalid.'],
  429: ['too_many_requests', 'Too many requests.'],
  431: ['headers_too_large', 'The headers are larger than 16 KB.'],
  500: ['internal_error', 'Something went wrong here. The log has the details.'],
  503: ['unavailable', 'A service that the API needs is not available.'],
};

export const problemType = 'application/problem+json; charset=utf-8';

export interface ProblemParts {
  status: number;
  code?: string;
  detail?: string;
  errors?: FieldError[];
  members?: ProblemMembers;
}

export function problem(parts: ProblemParts, correlationId: string): Problem {
  const [code, detail] = ofStatus[parts.status] ?? ofStatus[parts.status < 500 ? 400 : 500]!;
  return {
    type: 'about:blank',
    title: STATUS_CODES[parts.status] ?? 'Error',
    status: parts.status,
    code: parts.code ?? code,
    detail: parts.detail ?? detail,
    ...(parts.errors?.length && { errors: parts.errors }),
    ...parts.members,
    correlation_id: correlationId,
  };
}
