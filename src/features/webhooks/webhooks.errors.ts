import { AppError } from '../../common/app-error.js';

export class TooManyWebhooksError extends AppError {
  constructor(most: number) {
    super(409, 'too_many_webhooks', `A user has at most ${most} webhooks. Delete one first.`);
  }
}

/** Too many deliveries of the user wait for their receivers. */
export class TooManyDeliveriesError extends AppError {
  constructor() {
    super(429, 'too_many_deliveries', 'Too many deliveries are waiting for your receivers.', {
      retryAfterSeconds: 60,
    });
  }
}

/** SECRET_KEY, or the file secret.key, is not the one that the secret was encrypted with. */
export class UnreadableSecretError extends AppError {
  constructor(cause: unknown) {
    super(409, 'secret_unreadable', 'The secret can no longer be read. Rotate it.', { cause });
  }
}
