import { AppError } from '../../common/app-error.js';

/** The same for an unknown address, one that is not confirmed, and a wrong password. */
export class WrongLoginError extends AppError {
  constructor() {
    super(401, 'wrong_login', 'The address or the password is wrong, or not confirmed yet.');
  }
}

export class WrongPasswordError extends AppError {
  constructor() {
    super(403, 'wrong_password', 'The current password is wrong.');
  }
}

export class LoginEndedError extends AppError {
  constructor() {
    super(401, 'login_ended', 'This login has ended. Log in again.');
  }
}

export class InvalidLinkError extends AppError {
  constructor() {
    super(400, 'invalid_link', 'This link is wrong, has expired, or was used before.');
  }
}

export class RegistrationClosedError extends AppError {
  constructor() {
    super(403, 'registration_closed', 'Only an admin can make new users here.');
  }
}

export class TooManyAttemptsError extends AppError {
  constructor(retryAfterSeconds: number) {
    super(429, 'too_many_requests', 'Too many attempts.', { retryAfterSeconds });
  }
}

export class LastAdminError extends AppError {
  constructor() {
    super(409, 'last_admin', 'There must be an admin, and this is the last one.');
  }
}
