import { createHash } from 'node:crypto';
import { InvalidFieldsError } from '../../common/app-error.js';
import { rows, type Transaction } from '../../infrastructure/database/transaction.js';
import {
  IdempotencyInProgressError,
  IdempotencyKeyReusedError,
} from './image-generation.errors.js';

const maxLength = 255;

/** @throws InvalidFieldsError when the header is empty, too long or not printable ASCII */
export function checkIdempotencyKey(key: string | undefined): string | undefined {
  if (key === undefined || (key.length <= maxLength && /^[\x21-\x7e]+$/.test(key))) return key;
  throw new InvalidFieldsError([
    { path: 'Idempotency-Key', message: `must be 1 to ${maxLength} printable ASCII characters` },
  ]);
}

/** Fields in another order make the same request; `metadata` keeps its order. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}

/**
 * Claims the key for `taskId` within `tx`. A second request with the key waits for the first to
 * commit or roll back.
 *
 * @returns the id of the task that has the key: `taskId` itself when it is new
 * @throws IdempotencyKeyReusedError, IdempotencyInProgressError
 */
export async function claimIdempotencyKey(
  tx: Transaction,
  owner: string,
  key: string,
  request: unknown,
  taskId: string,
): Promise<string> {
  const hash = createHash('sha256').update(canonicalJson(request)).digest();
  try {
    await tx.query(`SET LOCAL lock_timeout = '2s'`);
    await tx.query(
      `INSERT INTO idempotency_keys (owner_id, key, request_hash, task_id) VALUES ($1, $2, $3, $4)
       ON CONFLICT DO NOTHING`,
      [owner, key, hash, taskId],
    );
  } catch (error) {
    if ((error as { code?: string }).code === '55P03') throw new IdempotencyInProgressError();
    throw error;
  }
  const [claimed] = await rows<{ hash: Buffer; taskId: string }>(
    tx,
    `SELECT request_hash AS hash, task_id AS "taskId" FROM idempotency_keys
      WHERE owner_id = $1 AND key = $2`,
    [owner, key],
  );
  if (!claimed) throw new IdempotencyInProgressError();
  if (!claimed.hash.equals(hash)) throw new IdempotencyKeyReusedError();
  return claimed.taskId;
}
