import { Inject, Injectable } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import type { Plan } from '../../config/variables/credits.js';
import { query, rows, type Transaction } from '../../infrastructure/database/transaction.js';

/** What a user has and uses, as the row says. */
export interface Account {
  userId: string;
  plan: string;
  /** Credits that may be spent. */
  balance: number;
  /** Credits of tasks that are not over. */
  held: number;
  openTasks: number;
  minuteStart: Date;
  minuteRequests: number;
  /** ISO 8601, UTC. */
  day: string;
  dayImages: number;
  /** When it was locked, or read, by the database's clock. */
  now: Date;
}

const columns = `
  a.user_id AS "userId", u.plan, a.balance::float8, a.held::float8, a.open_tasks AS "openTasks",
  a.minute_start AS "minuteStart", a.minute_requests AS "minuteRequests", a.day::text,
  a.day_images AS "dayImages", clock_timestamp() AS now`;

/** The rows of `credit_accounts`: one for each user who has asked for something. */
@Injectable()
export class CreditAccounts {
  constructor(@Inject(SETTINGS) private readonly settings: Pick<Settings, 'plans'>) {}

  /** Users of a plan that is no longer configured have `standard`. */
  planOf({ plan }: Pick<Account, 'plan'>): Plan {
    return this.settings.plans[plan] ?? this.settings.plans.standard;
  }

  /**
   * Locks the accounts until `tx` ends, in one order, so that two transactions never wait for each other. The first
   * time, an account is opened with the starting credits of the user's plan.
   *
   * @param busy what to do about accounts that another transaction has locked
   * @returns those of users that exist; with `skip`, without those that are locked
   */
  async lock(
    tx: Transaction,
    userIds: string[],
    busy: 'wait' | 'skip' = 'wait',
  ): Promise<Map<string, Account>> {
    const wanted = [...new Set(userIds)];
    let found = await this.lockExisting(tx, wanted, busy);
    if (found.length < wanted.length) {
      await this.open(tx, wanted);
      found = await this.lockExisting(tx, wanted, busy);
    }
    return new Map(found.map((account) => [account.userId, account]));
  }

  /** Without a lock; undefined when it is not open yet. */
  async read(database: DataSource, userId: string): Promise<Account | undefined> {
    const sql = `SELECT ${columns} FROM credit_accounts a JOIN users u ON u.id = a.user_id
                  WHERE a.user_id = $1 AND u.deleted_at IS NULL`;
    return (await query<Account>(database, sql, [userId]))[0];
  }

  private lockExisting(
    tx: Transaction,
    userIds: string[],
    busy: 'wait' | 'skip',
  ): Promise<Account[]> {
    return rows<Account>(
      tx,
      `SELECT ${columns} FROM credit_accounts a JOIN users u ON u.id = a.user_id
        WHERE a.user_id = ANY($1) AND u.deleted_at IS NULL ORDER BY a.user_id
          FOR NO KEY UPDATE OF a ${busy === 'skip' ? 'SKIP LOCKED' : ''}`,
      [userIds],
    );
  }

  private async open(tx: Transaction, userIds: string[]): Promise<void> {
    const users = await rows<{ id: string; plan: string }>(
      tx,
      `SELECT id, plan FROM users WHERE id = ANY($1) AND deleted_at IS NULL`,
      [userIds],
    );
    const opened = users.map((user) => ({ ...user, amount: this.planOf(user).starting_credits }));
    await tx.query(
      `WITH opened AS (
         INSERT INTO credit_accounts (user_id, balance)
         SELECT id, amount FROM jsonb_to_recordset($1) AS new(id uuid, amount bigint) ORDER BY id
         ON CONFLICT DO NOTHING RETURNING user_id, balance)
       INSERT INTO credit_entries (user_id, kind, amount, reference, note)
       SELECT user_id, 'grant', balance, 'start', 'starting credits' FROM opened`,
      [JSON.stringify(opened)],
    );
  }
}
