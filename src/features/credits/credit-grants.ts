import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { NotFoundError } from '../../common/app-error.js';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { inTransaction, query, rows } from '../../infrastructure/database/transaction.js';
import { CreditAccounts } from './credit-accounts.js';
import { NotChargedError, OverdrawnError } from './credits.errors.js';

export interface Grant {
  /** Credits; below zero to take back. */
  amount: number;
  /** Of several grants of a user with the same reference, only the first is made. Default: one of its own. */
  reference?: string;
  /** For the user to read. */
  note?: string;
}

/** Users in one transaction. */
const batchSize = 500;

/** Credits that come in. */
@Injectable()
export class CreditGrants {
  constructor(
    private readonly database: DataSource,
    private readonly accounts: CreditAccounts,
    @Inject(SETTINGS) private readonly settings: Pick<Settings, 'plans'>,
  ) {}

  /**
   * Grants credits to a user.
   *
   * @returns whether it was made; false: one with this reference had been made before
   * @throws NotFoundError for an unknown user; OverdrawnError when it takes more than the user has
   */
  async grant(userId: string, { amount, reference = uuidv7(), note }: Grant): Promise<boolean> {
    return inTransaction(this.database, async (tx) => {
      const account = (await this.accounts.lock(tx, [userId])).get(userId);
      if (!account) throw new NotFoundError('user');
      const made = await rows(
        tx,
        `INSERT INTO credit_entries (user_id, kind, amount, reference, note)
         VALUES ($1, 'grant', $2, $3, $4) ON CONFLICT (user_id, reference) DO NOTHING RETURNING id`,
        [userId, amount, reference, note ?? null],
      );
      if (made.length === 0) return false;
      if (account.balance + amount < 0) throw new OverdrawnError();
      await tx.query(`UPDATE credit_accounts SET balance = balance + $2 WHERE user_id = $1`, [
        userId,
        amount,
      ]);
      return true;
    });
  }

  /**
   * Gives back what a task was charged. Refunding it again changes nothing.
   *
   * @returns the owner and the amount
   * @throws NotFoundError when nobody was charged for the task
   */
  async refund(taskId: string, note?: string): Promise<{ userId: string; amount: number }> {
    return inTransaction(this.database, async (tx) => {
      const [charged] = await rows<{ userId: string; amount: number }>(
        tx,
        `SELECT user_id AS "userId", amount::float8 FROM credit_entries
          WHERE task_id = $1 AND kind = 'capture'`,
        [taskId],
      );
      if (!charged) throw new NotChargedError();
      await this.accounts.lock(tx, [charged.userId]);
      await tx.query(
        `WITH entry AS (
           INSERT INTO credit_entries (user_id, kind, amount, task_id, note)
           VALUES ($1, 'refund', $2, $3, $4) ON CONFLICT (task_id, kind) DO NOTHING
           RETURNING user_id, amount)
         UPDATE credit_accounts a SET balance = balance + amount FROM entry WHERE a.user_id = entry.user_id`,
        [charged.userId, charged.amount, taskId, note ?? null],
      );
      return charged;
    });
  }

  /** Grants the month's credits to each user of a plan that has some, once. @returns how many users got them now */
  async grantMonthly(signal: AbortSignal): Promise<number> {
    let total = 0;
    for (const [plan, { monthly_credits: amount }] of Object.entries(this.settings.plans)) {
      let batch = amount === 0 ? 0 : batchSize;
      while (batch === batchSize && !signal.aborted) {
        batch = await this.grantMonthlyTo(plan, amount);
        total += batch;
      }
    }
    return total;
  }

  /** Users that another transaction has locked are left to the next run. */
  private async grantMonthlyTo(plan: string, amount: number): Promise<number> {
    const known = Object.keys(this.settings.plans);
    const granted = await query(
      this.database,
      `WITH month AS (SELECT 'month:' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM') AS reference),
       due AS (
         SELECT a.user_id, month.reference FROM month, credit_accounts a JOIN users u ON u.id = a.user_id
          WHERE CASE WHEN u.plan = ANY($2) THEN u.plan ELSE 'standard' END = $1
            AND NOT EXISTS (
                SELECT FROM credit_entries e
                 WHERE e.user_id = a.user_id AND e.reference = month.reference)
          ORDER BY a.user_id LIMIT ${batchSize} FOR NO KEY UPDATE OF a SKIP LOCKED),
       entry AS (
         INSERT INTO credit_entries (user_id, kind, amount, reference, note)
         SELECT user_id, 'grant', $3, reference, 'credits of the month' FROM due
         ON CONFLICT (user_id, reference) DO NOTHING RETURNING user_id)
       UPDATE credit_accounts a SET balance = balance + $3 FROM entry WHERE a.user_id = entry.user_id
       RETURNING a.user_id`,
      [plan, known, amount],
    );
    return granted.length;
  }
}
