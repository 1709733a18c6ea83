import { AppError, type FieldError } from '../../common/app-error.js';

// Errors that a client gets before there is a task. What becomes of a task whose engine fails is in
// engines/engine-errors.ts.

/** The field errors name the closest values that the engines have. */
export class UnsupportedRequestError extends AppError {
  constructor(errors: FieldError[]) {
    super(422, 'unsupported_by_engines', 'No engine here would make this picture as asked.', {
      errors,
    });
  }
}

export class IdempotencyKeyReusedError extends AppError {
  constructor() {
    super(
      422,
      'idempotency_key_reused',
      'This Idempotency-Key was used with another request before.',
    );
  }
}

export class IdempotencyInProgressError extends AppError {
  constructor() {
    super(
      409,
      'idempotency_in_progress',
      'The first request with this Idempotency-Key is still running.',
      {
        retryAfterSeconds: 1,
      },
    );
  }
}

export class ForgottenTaskError extends AppError {
  constructor() {
    super(
      409,
      'idempotent_task_forgotten',
      'The task of this Idempotency-Key was deleted. Use another key for a new task.',
    );
  }
}
