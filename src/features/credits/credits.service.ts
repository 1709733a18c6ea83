import { Injectable } from '@nestjs/common';
import { AuditLog } from '../audit/audit-log.js';
import type { RequestUser } from '../auth/request-user.js';
import { CreditAccounts } from './credit-accounts.js';
import { CreditGrants } from './credit-grants.js';
import { CreditStatements } from './credit-statements.js';
import {
  statementOf,
  type GrantAnswer,
  type GrantRequest,
  type RefundAnswer,
  type RefundRequest,
  type Statement,
  type StatementQuery,
} from './credits.dto.js';

/** What users see of their credits, and what admins do about everybody's. */
@Injectable()
export class CreditsService {
  constructor(
    private readonly accounts: CreditAccounts,
    private readonly statements: CreditStatements,
    private readonly grants: CreditGrants,
    private readonly audit: AuditLog,
  ) {}

  /** @throws NotFoundError for an unknown user */
  async statement(userId: string, { limit, cursor }: StatementQuery): Promise<Statement> {
    const account = await this.statements.account(userId);
    const entries = await this.statements.entries(userId, limit + 1, cursor);
    return statementOf(account, this.accounts.planOf(account), entries, limit);
  }

  /** For admins. @throws NotFoundError, OverdrawnError */
  async statementOfUser(
    admin: RequestUser,
    userId: string,
    query: StatementQuery,
  ): Promise<Statement> {
    this.audit.reads(admin, { action: 'credits.read', target: userId });
    return this.statement(userId, query);
  }

  /** For admins. @throws NotFoundError, OverdrawnError */
  async grant(admin: RequestUser, userId: string, request: GrantRequest): Promise<GrantAnswer> {
    const { amount, reference, note } = request;
    await this.audit.changes(admin, { action: 'credits.grant', target: userId, detail: request });
    const granted = await this.grants.grant(userId, {
      amount,
      ...(reference !== undefined && { reference }),
      ...(note !== undefined && { note }),
    });
    const { balance } = await this.statements.account(userId);
    return { granted, balance };
  }

  /** For admins. @throws NotChargedError */
  async refund(admin: RequestUser, taskId: string, request: RefundRequest): Promise<RefundAnswer> {
    await this.audit.changes(admin, { action: 'credits.refund', target: taskId, detail: request });
    const { userId, amount } = await this.grants.refund(taskId, request.note);
    return { user_id: userId, refunded: amount };
  }
}
