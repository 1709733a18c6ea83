import { rows, type Transaction } from '../../infrastructure/database/transaction.js';

/** Largest size of all results of a group together: 4 MiB of JSON. */
export const maxGroupResultBytes = 4 * 1024 * 1024;

/**
 * The size of a group's results as a JSON list, in bytes, measured before any of them is read. 0 when a part is
 * not SUCCESS.
 */
export async function groupResultBytes(tx: Transaction, group: string): Promise<number> {
  const [found] = await rows<{ bytes: number }>(
    tx,
    `SELECT CASE WHEN bool_and(state = 'SUCCESS')
                 THEN (sum(octet_length(coalesce(result, 'null')::text)) + count(*) + 1)::float8
                 ELSE 0 END AS bytes
       FROM tasks WHERE parent_id = $1 AND position IS NOT NULL`,
    [group],
  );
  return found!.bytes;
}
