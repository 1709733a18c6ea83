import { Injectable } from '@nestjs/common';
import { type AppError, NotFoundError } from '../../common/app-error.js';
import type { Plan } from '../../config/variables/credits.js';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { CreditAccounts, type Account } from './credit-accounts.js';
import { admit } from './admission.js';

/** The price of a task that is about to be stored. */
export interface Charge {
  taskId: string;
  userId: string;
  images: number;
  /** Credits. */
  perImage: number;
}

export type Admission = { plan: Plan; refusal?: undefined } | { refusal: AppError };

/** Another transaction has the account of the user. */
export const busy = Symbol('busy');

/**
 * Credits of tasks that are not over. A hold is written in the transaction that stores the task. When the task ends,
 * however it ends, the database settles the hold in the same transaction (trigger `tasks_settle_credits`): SUCCESS
 * captures the price of the images that were delivered, and the rest is released.
 */
@Injectable()
export class CreditHolds {
  constructor(private readonly accounts: CreditAccounts) {}

  /**
   * Holds the price of each task whose user has the credits and is within the limits of the plan. Safe to repeat with
   * the same tasks when the answer to a commit was lost.
   *
   * Only the accounts of these users are locked, until `tx` ends.
   *
   * @returns in the order of `charges`; a refused task must not be stored
   */
  async hold(tx: Transaction, charges: Charge[]): Promise<Admission[]> {
    const users = charges.map((charge) => charge.userId);
    return this.holdFrom(tx, charges, await this.accounts.lock(tx, users));
  }

  /** As {@link hold}, but waits for no account. @returns `busy` instead, also for users that do not exist */
  async holdUnlessBusy(tx: Transaction, charges: Charge[]): Promise<(Admission | typeof busy)[]> {
    const users = charges.map((charge) => charge.userId);
    const accounts = await this.accounts.lock(tx, users, 'skip');
    const free = charges.filter((charge) => accounts.has(charge.userId));
    const admissions = await this.holdFrom(tx, free, accounts);
    let next = 0;
    return charges.map((charge) => (accounts.has(charge.userId) ? admissions[next++]! : busy));
  }

  private async holdFrom(
    tx: Transaction,
    charges: Charge[],
    accounts: Map<string, Account>,
  ): Promise<Admission[]> {
    const decided = charges.map((charge) => this.decide(accounts.get(charge.userId), charge));
    const admissions = await this.heldBefore(tx, charges, decided, accounts);
    const admitted = charges.filter((_, i) => admissions[i]!.refusal === undefined);
    if (admitted.length > 0) await this.write(tx, admitted, [...accounts.values()]);
    return admissions;
  }

  /** To be called in the transaction of SUCCESS: only so many images are charged. */
  async delivered(tx: Transaction, taskId: string, images: number): Promise<void> {
    await tx.query(`UPDATE credit_holds SET delivered = $2 WHERE task_id = $1`, [taskId, images]);
  }

  private decide(account: Account | undefined, charge: Charge): Admission {
    // The user was deleted meanwhile.
    if (account === undefined) return { refusal: new NotFoundError('user') };
    const plan = this.accounts.planOf(account);
    const { images, perImage } = charge;
    const refusal = admit(account, plan, { images, price: images * perImage });
    return refusal ? { refusal } : { plan };
  }

  /** A task that an earlier run of this transaction has stored was paid for with what is missing now. */
  private async heldBefore(
    tx: Transaction,
    charges: Charge[],
    decided: Admission[],
    accounts: Map<string, Account>,
  ): Promise<Admission[]> {
    const refused = charges.filter((_, i) => decided[i]!.refusal !== undefined);
    if (refused.length === 0) return decided;
    const held = await rows<{ id: string }>(
      tx,
      `SELECT task_id AS id FROM credit_entries WHERE task_id = ANY($1) AND kind = 'hold'`,
      [refused.map((charge) => charge.taskId)],
    );
    const before = new Set(held.map(({ id }) => id));
    return decided.map((admission, i) => {
      const account = accounts.get(charges[i]!.userId);
      const stored = account !== undefined && before.has(charges[i]!.taskId);
      return stored ? { plan: this.accounts.planOf(account) } : admission;
    });
  }

  private async write(tx: Transaction, charges: Charge[], accounts: Account[]): Promise<void> {
    await tx.query(
      `WITH charge AS (
         SELECT * FROM jsonb_to_recordset($1)
             AS charge("taskId" uuid, "userId" uuid, images int, "perImage" bigint)),
       entry AS (
         INSERT INTO credit_entries (user_id, kind, amount, task_id)
         SELECT "userId", 'hold', images * "perImage", "taskId" FROM charge
         ON CONFLICT (task_id, kind) DO NOTHING RETURNING task_id),
       hold AS (
         INSERT INTO credit_holds (task_id, user_id, images, price_per_image)
         SELECT "taskId", "userId", images, "perImage" FROM charge JOIN entry ON task_id = "taskId"
         RETURNING user_id, images * price_per_image AS amount),
       total AS (
         SELECT user_id, sum(amount) AS amount, count(*) AS tasks FROM hold GROUP BY user_id)
       UPDATE credit_accounts a
          SET balance = a.balance - amount, held = a.held + amount, open_tasks = a.open_tasks + tasks,
              minute_start = use."minuteStart", minute_requests = use."minuteRequests",
              day = use.day, day_images = use."dayImages"
         FROM total JOIN jsonb_to_recordset($2)
              AS use("userId" uuid, "minuteStart" timestamptz, "minuteRequests" int, day date,
                     "dayImages" int) ON use."userId" = total.user_id
        WHERE a.user_id = total.user_id`,
      [JSON.stringify(charges), JSON.stringify(accounts)],
    );
  }
}
