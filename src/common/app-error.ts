/** HTTP meaning of an error; the one filter in infrastructure/http maps it to an answer. */
export type ErrorStatus =
  400 | 401 | 402 | 403 | 404 | 405 | 409 | 413 | 415 | 422 | 429 | 500 | 503;

export interface FieldError {
  /** Dotted path of the field: `steps`, `metadata.tags.0`. */
  path: string;
  message: string;
}

/** What a program may want to know of some errors. */
export interface ProblemMembers {
  balance?: number;
  price?: number;
  limit?: string;
}

/**
 * An error with a stable code. Services throw subclasses of it, never HTTP exceptions.
 * `message` is our own sentence for users: no secret, no SQL, no response of another server.
 */
export class AppError extends Error {
  constructor(
    readonly status: ErrorStatus,
    readonly code: string,
    message: string,
    readonly details: {
      cause?: unknown;
      errors?: FieldError[];
      retryAfterSeconds?: number;
      /** More members of the problem, for programs. */
      members?: ProblemMembers;
    } = {},
  ) {
    super(message, { cause: details.cause });
    this.name = new.target.name;
  }
}

export class NotFoundError extends AppError {
  constructor(what: string) {
    super(404, 'not_found', `No such ${what}.`);
  }
}

export class InvalidFieldsError extends AppError {
  constructor(errors: FieldError[]) {
    super(422, 'invalid_fields', 'Some fields are invalid.', { errors });
  }
}

export class UnavailableError extends AppError {
  constructor(message: string, cause?: unknown) {
    super(503, 'unavailable', message, { cause, retryAfterSeconds: 5 });
  }
}
