import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { NotFoundError } from '../../common/app-error.js';
import { inTransaction, query } from '../../infrastructure/database/transaction.js';
import { CreditAccounts, type Account } from './credit-accounts.js';

export const ENTRY_KINDS = ['grant', 'hold', 'capture', 'release', 'refund'] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];

/** A row of the ledger, which never changes. */
export interface CreditEntry {
  id: number;
  at: Date;
  kind: EntryKind;
  /** Credits. Below zero only in a grant that takes back. */
  amount: number;
  taskId: string | null;
  note: string | null;
}

/** Reads what users have, and where it came from. */
@Injectable()
export class CreditStatements {
  constructor(
    private readonly database: DataSource,
    private readonly accounts: CreditAccounts,
  ) {}

  /** Opens the account when the user has asked for nothing yet. @throws NotFoundError for an unknown user */
  async account(userId: string): Promise<Account> {
    const known = await this.accounts.read(this.database, userId);
    if (known) return known;
    const opened = await inTransaction(this.database, (tx) => this.accounts.lock(tx, [userId]));
    const own = opened.get(userId);
    if (!own) throw new NotFoundError('user');
    return own;
  }

  /** The newest first. @param before id of an entry: only older ones */
  async entries(userId: string, limit: number, before?: number): Promise<CreditEntry[]> {
    return query<CreditEntry>(
      this.database,
      `SELECT id::float8, at, kind, amount::float8, task_id AS "taskId", note FROM credit_entries
        WHERE user_id = $1 AND id < coalesce($3, 9223372036854775807)
        ORDER BY id DESC LIMIT $2`,
      [userId, limit, before ?? null],
    );
  }
}
