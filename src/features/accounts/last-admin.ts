import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import { LastAdminError } from './accounts.errors.js';

/** Before a user stops being an admin. @throws LastAdminError when no other one is left */
export async function refuseIfLastAdmin(tx: Transaction, userId: string): Promise<void> {
  // In one order, so that of two admins who go at once one stays.
  const admins = await rows<{ id: string }>(
    tx,
    `SELECT id FROM users WHERE role = 'admin' AND deleted_at IS NULL ORDER BY id FOR UPDATE`,
  );
  if (admins.length === 1 && admins[0]!.id === userId) throw new LastAdminError();
}
