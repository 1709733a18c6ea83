import { Injectable } from '@nestjs/common';
import { AuthGate } from '../auth/auth-gate.js';
import {
  tokensOf,
  type LoginRequest,
  type RefreshRequest,
  type TokensAnswer,
} from './accounts.dto.js';
import { LoginEndedError, TooManyAttemptsError, WrongLoginError } from './accounts.errors.js';
import { WrongPasswords } from './limits.js';
import { Logins } from './logins.js';
import { PasswordsOfUsers } from './passwords-of-users.js';

/** Login with a password. Wrong ones are counted by the client's address, and by the account that they are tried on. */
@Injectable()
export class PasswordLoginService {
  constructor(
    private readonly passwords: PasswordsOfUsers,
    private readonly logins: Logins,
    private readonly gate: AuthGate,
    private readonly wrongPasswords: WrongPasswords,
  ) {}

  /** @throws WrongLoginError, TooManyAttemptsError, TooManyFailuresError */
  async login({ email, password }: LoginRequest, ip: string): Promise<TokensAnswer> {
    const userId = await this.passwords.userWith(email, password);
    if (userId !== undefined) return tokensOf(await this.logins.start(userId));
    this.gate.noteFailure(ip);
    const seconds = this.wrongPasswords.add(email, 'somewhere');
    throw seconds > 0 ? new TooManyAttemptsError(seconds) : new WrongLoginError();
  }

  /** @throws LoginEndedError, TooManyFailuresError */
  async refresh({ refresh_token: token }: RefreshRequest, ip: string): Promise<TokensAnswer> {
    const next = await this.logins.refresh(token);
    if (next !== undefined) return tokensOf(next);
    this.gate.noteFailure(ip);
    throw new LoginEndedError();
  }

  async logout({ refresh_token: token }: RefreshRequest): Promise<void> {
    await this.logins.end(token);
  }
}
