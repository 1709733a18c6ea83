import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { inTransaction } from '../../infrastructure/database/transaction.js';
import { isStillRight } from '../accounts/checked-user.js';
import { WrongLoginError } from '../accounts/accounts.errors.js';
import { PasswordLoginService } from '../accounts/password-login.service.js';
import { ApiKeys } from '../auth/api-keys.js';
import { UnauthenticatedError } from '../auth/auth-errors.js';
import { AuthGate } from '../auth/auth-gate.js';
import { AuthService, type Session } from '../auth/auth.service.js';
import type { Role } from '../auth/user.entity.js';

/** A session that has begun, and what its user may see. */
export interface SignedIn extends Session {
  role: Role;
}

/** Starts browser sessions. */
@Injectable()
export class SignIn {
  constructor(
    private readonly database: DataSource,
    private readonly gate: AuthGate,
    private readonly keys: ApiKeys,
    private readonly passwords: PasswordLoginService,
    private readonly auth: AuthService,
  ) {}

  /** With an API key of any user. @throws UnauthenticatedError, TooManyFailuresError */
  async withKey(key: string, ip: string): Promise<SignedIn> {
    const user = await this.gate.userOfKey(key, ip);
    if (user === undefined) throw new UnauthenticatedError();
    return inTransaction(this.database, async (tx) => {
      if (!(await this.keys.isStillValid(tx, key))) throw new UnauthenticatedError();
      return { ...(await this.auth.addSession(tx, user)), role: user.role };
    });
  }

  /** With the password of an admin. @throws WrongLoginError, TooManyAttemptsError, TooManyFailuresError */
  async withPassword(email: string, password: string, ip: string): Promise<SignedIn> {
    const admin = await this.passwords.admin({ email, password }, ip);
    return inTransaction(this.database, async (tx) => {
      if (!(await isStillRight(tx, admin))) throw new WrongLoginError();
      return { ...(await this.auth.addSession(tx, { id: admin.id })), role: admin.role };
    });
  }
}
