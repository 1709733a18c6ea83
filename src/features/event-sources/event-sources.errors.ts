import { AppError } from '../../common/app-error.js';

export class TooManySourcesError extends AppError {
  constructor(most: number) {
    super(409, 'too_many_sources', `You may have ${most} event sources. Delete one first.`);
  }
}

/** The same for a source that does not exist, a wrong signature, and a message that is too old. */
export class WrongSignatureError extends AppError {
  constructor() {
    super(
      401,
      'wrong_signature',
      'The signature is wrong, the message is more than five minutes old, or there is no such source.',
    );
  }
}
