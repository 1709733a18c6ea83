import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import type { Role } from '../auth/user.entity.js';

/** A user whose password was right. */
export interface CheckedUser {
  id: string;
  role: Role;
  /** Of that password. */
  hash: string;
}

/**
 * Whether it still is the user's password. It cannot be changed until the transaction is over. A new password ends all
 * logins and sessions, so none may begin with the old one afterwards.
 */
export async function isStillRight(
  tx: Transaction,
  { id, hash }: Pick<CheckedUser, 'id' | 'hash'>,
): Promise<boolean> {
  const sql = `SELECT FROM users WHERE id = $1 AND password_hash = $2 FOR SHARE`;
  return (await rows(tx, sql, [id, hash])).length > 0;
}
