import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { retried, rows } from '../../infrastructure/database/transaction.js';

/** A row that breaks an invariant of the ledger. */
export interface BrokenRow {
  /** I4: of a task. I5: of an account. */
  invariant: 'I4' | 'I5';
  /** What is wrong. */
  problem: string;
  taskId: string | null;
  userId: string | null;
}

/** Most rows of a kind in one report. */
const most = 1_000;

/**
 * I4: a hold belongs to a task that is not over. Of a task that is over, SUCCESS was captured once, anything else was
 * not, and captured and released credits add up to the hold.
 */
const brokenTasks = `
  WITH ledger AS (
    SELECT task_id, min(user_id::text)::uuid AS user_id, count(DISTINCT user_id) AS users,
           sum(amount) FILTER (WHERE kind = 'hold') AS held,
           sum(amount) FILTER (WHERE kind = 'capture') AS captured,
           sum(amount) FILTER (WHERE kind = 'release') AS released,
           sum(amount) FILTER (WHERE kind = 'refund') AS refunded
      FROM credit_entries WHERE task_id IS NOT NULL GROUP BY task_id),
  seen AS (
    SELECT coalesce(ledger.task_id, hold.task_id) AS "taskId",
           coalesce(ledger.user_id, hold.user_id) AS "userId",
           hold.task_id IS NOT NULL AS open, hold.images * hold.price_per_image AS holding,
           task.id IS NOT NULL AS exists, task.finished_at IS NOT NULL AS over, task.state, ledger.*
      FROM ledger FULL JOIN credit_holds hold USING (task_id)
      LEFT JOIN tasks task ON task.id = coalesce(ledger.task_id, hold.task_id)),
  judged AS (
    SELECT "taskId", "userId", CASE
      WHEN held IS NULL THEN 'has entries or a hold, but no entry of the hold'
      WHEN users > 1 THEN 'was charged to two users'
      WHEN refunded IS NOT NULL AND refunded IS DISTINCT FROM captured
        THEN 'was refunded something else than it cost'
      WHEN open AND (NOT exists OR over) THEN 'is over, and its hold is not settled'
      WHEN open AND (captured IS NOT NULL OR released IS NOT NULL) THEN 'is settled, and still held'
      WHEN open AND holding <> held THEN 'holds something else than its entry says'
      WHEN open THEN NULL
      WHEN exists AND NOT over THEN 'is not over, and has no hold'
      WHEN coalesce(captured, 0) + coalesce(released, 0) <> held
        THEN 'was captured and released differently from its hold'
      WHEN state = 'SUCCESS' AND captured IS NULL THEN 'is SUCCESS, and was not captured'
      WHEN state <> 'SUCCESS' AND captured IS NOT NULL THEN 'is no SUCCESS, and was captured'
      WHEN state <> 'SUCCESS' AND released IS NULL THEN 'is no SUCCESS, and was not released'
    END AS problem FROM seen)
  SELECT 'I4' AS invariant, * FROM judged WHERE problem IS NOT NULL ORDER BY "taskId" LIMIT ${most}`;

/** I5: an account says what its entries and its holds add up to. */
const brokenAccounts = `
  WITH ledger AS (
    SELECT user_id, sum(CASE kind WHEN 'hold' THEN -amount WHEN 'capture' THEN 0 ELSE amount END) AS balance
      FROM credit_entries GROUP BY user_id),
  held AS (
    SELECT user_id, sum(images * price_per_image) AS credits, count(*) AS tasks
      FROM credit_holds GROUP BY user_id),
  judged AS (
    SELECT user_id, CASE
      WHEN a.balance <> coalesce(ledger.balance, 0)
        THEN format('has a balance of %s, and entries for %s', a.balance, coalesce(ledger.balance, 0))
      WHEN a.held <> coalesce(held.credits, 0)
        THEN format('has %s credits held, and holds of %s', a.held, coalesce(held.credits, 0))
      WHEN a.open_tasks <> coalesce(held.tasks, 0)
        THEN format('counts %s open tasks, and has %s holds', a.open_tasks, coalesce(held.tasks, 0))
    END AS problem
      FROM credit_accounts a LEFT JOIN ledger USING (user_id) LEFT JOIN held USING (user_id)
    UNION ALL
    SELECT user_id, 'has holds, and no account' FROM held
     WHERE NOT EXISTS (SELECT FROM credit_accounts a WHERE a.user_id = held.user_id))
  SELECT 'I5' AS invariant, NULL AS "taskId", user_id AS "userId", problem
    FROM judged WHERE problem IS NOT NULL ORDER BY user_id LIMIT ${most}`;

/** Proves that the ledger of credits is right, or names the rows that are not. */
@Injectable()
export class CreditCheck {
  constructor(private readonly database: DataSource) {}

  /** Reads all of the ledger in one snapshot; nothing is locked. @returns at most 1,000 rows of each kind */
  async broken(): Promise<BrokenRow[]> {
    return retried(() =>
      this.database.transaction('REPEATABLE READ', async (tx) => [
        ...(await rows<BrokenRow>(tx, brokenTasks)),
        ...(await rows<BrokenRow>(tx, brokenAccounts)),
      ]),
    );
  }
}
