import { Injectable } from '@nestjs/common';
import { NotFoundError } from '../../common/app-error.js';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { shownUserOf, type ShownUser } from '../users/users.dto.js';
import { acceptedLanguage } from '../email/languages.js';
import { Users } from '../users/users.js';
import { AccountDeletion } from './account-deletion.js';
import type {
  ChangePasswordRequest,
  DeletedAnswer,
  DeleteMeRequest,
  MessageAnswer,
  RegisterAnswer,
  RegisterRequest,
  ResetRequest,
  VerifyAnswer,
} from './accounts.dto.js';
import { TooManyAttemptsError, WrongPasswordError } from './accounts.errors.js';
import { MailRequests, WrongPasswords } from './limits.js';
import { PasswordsOfUsers } from './passwords-of-users.js';
import { Registration } from './registration.js';

/** What people do with their accounts. */
@Injectable()
export class AccountsService {
  constructor(
    private readonly registration: Registration,
    private readonly passwords: PasswordsOfUsers,
    private readonly deletion: AccountDeletion,
    private readonly users: Users,
    private readonly mailRequests: MailRequests,
    private readonly wrongPasswords: WrongPasswords,
    private readonly audit: AuditLog,
  ) {}

  /** @throws RegistrationClosedError, TooManyAttemptsError */
  async register(
    { email, password, language }: RegisterRequest,
    accepted: string | undefined,
    ip: string,
  ): Promise<RegisterAnswer> {
    this.noteMailRequest(ip);
    const chosen = language ?? acceptedLanguage(accepted) ?? null;
    const taskId = await this.registration.register(email, password, chosen);
    const message = 'Open the link in the mail that is on its way to you.';
    return { message, task_id: taskId };
  }

  /** @throws InvalidLinkError */
  verify(token: string): Promise<VerifyAnswer> {
    return this.registration.verify(token);
  }

  /** @throws TooManyAttemptsError */
  async forgot(email: string, ip: string): Promise<MessageAnswer> {
    this.noteMailRequest(ip);
    await this.passwords.sendReset(email);
    return { message: 'If this address is registered, a mail is on its way to it.' };
  }

  /** @throws InvalidLinkError */
  async reset({ token, password }: ResetRequest): Promise<void> {
    await this.passwords.reset(token, password);
  }

  async me({ id }: RequestUser): Promise<ShownUser> {
    const user = await this.users.find(id);
    // Deleted meanwhile.
    if (!user) throw new NotFoundError('user');
    return shownUserOf(user);
  }

  /** @throws WrongPasswordError, TooManyAttemptsError */
  async changePassword(user: RequestUser, request: ChangePasswordRequest): Promise<void> {
    const { current_password: current, password } = request;
    await this.guarded(user, () => this.passwords.change(user.id, current, password));
  }

  /** @throws WrongPasswordError, TooManyAttemptsError, LastAdminError */
  async deleteMe(user: RequestUser, { password }: DeleteMeRequest): Promise<DeletedAnswer> {
    if (await this.passwords.has(user.id)) {
      await this.guarded(user, () => this.passwords.check(user.id, password ?? ''));
    }
    return this.close(user.id);
  }

  /** For admins. @throws NotFoundError, LastAdminError */
  async deleteUser(admin: RequestUser, id: string): Promise<DeletedAnswer> {
    await this.audit.changes(admin, { action: 'user.delete', target: id });
    return this.close(id);
  }

  private async close(id: string): Promise<DeletedAnswer> {
    const taskId = await this.deletion.delete(id);
    return {
      message: 'The account is closed, and what it holds is being deleted.',
      task_id: taskId,
    };
  }

  /** Whoever has found an open session must not find out the password by trying. */
  private async guarded(user: RequestUser, work: () => Promise<void>): Promise<void> {
    const blockedS = this.wrongPasswords.blockedS(user.id);
    if (blockedS > 0) throw new TooManyAttemptsError(blockedS);
    try {
      await work();
    } catch (error) {
      if (error instanceof WrongPasswordError) this.wrongPasswords.add(user.id);
      throw error;
    }
  }

  private noteMailRequest(ip: string): void {
    const seconds = this.mailRequests.add(ip);
    if (seconds > 0) throw new TooManyAttemptsError(seconds);
  }
}
