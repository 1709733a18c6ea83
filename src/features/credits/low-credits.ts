import { Inject, Injectable } from '@nestjs/common';
import { SETTINGS, type Settings } from '../../config/config.module.js';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';

/** Finds users whose credits are running out. */
@Injectable()
export class LowCredits {
  constructor(@Inject(SETTINGS) private readonly settings: Pick<Settings, 'creditsLowAt'>) {}

  /**
   * Notes, in the caller's transaction, that the user is told of a low balance.
   *
   * @returns the balance, and the newest entry of the user, which names this time; undefined when it is not low, or when the user was told already and has had no grant since
   */
  async toTell(
    tx: Transaction,
    userId: string,
  ): Promise<{ balance: number; entry: string } | undefined> {
    const [account] = await rows<{ balance: number; entry: string }>(
      tx,
      `UPDATE credit_accounts a
          SET low_told_entry = (SELECT max(id) FROM credit_entries WHERE user_id = $1)
        WHERE user_id = $1 AND balance < $2
          AND (low_told_entry IS NULL
               OR EXISTS (SELECT FROM credit_entries e
                           WHERE e.user_id = $1 AND e.id > a.low_told_entry
                             AND e.kind = 'grant' AND e.amount > 0))
        RETURNING balance::float8, low_told_entry AS entry`,
      [userId, this.settings.creditsLowAt],
    );
    return account;
  }
}
