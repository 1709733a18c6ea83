import { Injectable } from '@nestjs/common';
import { AuthGate } from '../auth/auth-gate.js';
import { FailedCredentials } from '../auth/failed-credentials.js';
import {
  tokensOf,
  type LoginRequest,
  type RefreshRequest,
  type TokensAnswer,
} from './accounts.dto.js';
import type { CheckedUser } from './checked-user.js';
import { LoginEndedError, TooManyAttemptsError, WrongLoginError } from './accounts.errors.js';
import { WrongPasswords } from './limits.js';
import { Logins } from './logins.js';
import { PasswordsOfUsers } from './passwords-of-users.js';

/**
 * Login with a password. Wrong ones are counted by the client's address, and for each account that they are tried on
 * from there. Not for the account alone: then anybody could keep its owner out.
 */
@Injectable()
export class PasswordLoginService {
  constructor(
    private readonly passwords: PasswordsOfUsers,
    private readonly logins: Logins,
    private readonly gate: AuthGate,
    private readonly failures: FailedCredentials,
    private readonly wrongPasswords: WrongPasswords,
  ) {}

  /** @throws WrongLoginError, TooManyAttemptsError, TooManyFailuresError */
  async login(request: LoginRequest, ip: string): Promise<TokensAnswer> {
    const started = await this.logins.start(await this.checked(request, ip));
    if (started === undefined) throw new WrongLoginError();
    return tokensOf(started);
  }

  /**
   * The admin with this address and password. For other users, the right password is as wrong as any.
   *
   * @throws WrongLoginError, TooManyAttemptsError, TooManyFailuresError
   */
  async admin(request: LoginRequest, ip: string): Promise<CheckedUser> {
    return this.checked(request, ip, ({ role }) => role === 'admin');
  }

  private async checked(
    { email, password }: LoginRequest,
    ip: string,
    isWanted: (user: CheckedUser) => boolean = () => true,
  ): Promise<CheckedUser> {
    const tried = `${email} ${ip}`;
    // Before the password is looked at: else the answer to the right guess would differ.
    const blockedS = Math.max(this.wrongPasswords.blockedS(tried), this.failures.blockedS(ip));
    if (blockedS > 0) throw new TooManyAttemptsError(blockedS);
    const user = await this.passwords.userWith(email, password);
    if (user !== undefined && isWanted(user)) return user;
    this.wrongPasswords.add(tried, 'somewhere');
    this.gate.noteFailure(ip);
    throw new WrongLoginError();
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
