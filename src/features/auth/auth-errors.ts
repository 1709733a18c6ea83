import { AppError } from '../../common/app-error.js';
import type { Scope } from './scopes.js';

/** No credential, or one that is not valid: the answer does not say which part was wrong. */
export class UnauthenticatedError extends AppError {
  constructor() {
    super(401, 'unauthenticated', 'A valid credential is needed.');
  }
}

export class ForbiddenError extends AppError {
  constructor() {
    super(403, 'forbidden', 'This is for admins only.');
  }
}

export class InsufficientScopeError extends AppError {
  constructor(needed: Scope, scopes: Scope[]) {
    super(
      403,
      'insufficient_scope',
      `This needs a key with the scope "${needed}"; yours has: ${scopes.join(', ')}.`,
    );
  }
}

export class TooManyKeysError extends AppError {
  constructor(most: number) {
    super(409, 'too_many_keys', `A user has at most ${most} keys. Revoke one first.`);
  }
}

export class CrossSiteError extends AppError {
  constructor() {
    super(
      403,
      'cross_site_request',
      'Another site started this request, or this server does not know its own name (PUBLIC_ORIGIN).',
    );
  }
}

export class TooManyFailuresError extends AppError {
  constructor(retryAfterSeconds: number) {
    super(429, 'too_many_requests', 'Too many wrong credentials from this address.', {
      retryAfterSeconds,
    });
  }
}

export class NameTakenError extends AppError {
  constructor() {
    super(409, 'name_taken', 'A user with this name already exists.');
  }
}
