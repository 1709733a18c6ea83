import type { Transaction } from '../../infrastructure/database/transaction.js';

/**
 * Locks a canvas until `tx` ends. `shared`: it cannot be revoked meanwhile; `exclusive`: nothing in it can end
 * meanwhile. Take this lock before locking any row of the canvas.
 */
export async function lockCanvas(
  tx: Transaction,
  canvasId: string,
  mode: 'shared' | 'exclusive',
): Promise<void> {
  const lock = mode === 'shared' ? 'pg_advisory_xact_lock_shared' : 'pg_advisory_xact_lock';
  await tx.query(`SELECT ${lock}(hashtextextended($1, 0))`, [canvasId]);
}
