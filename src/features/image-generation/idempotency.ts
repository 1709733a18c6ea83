import { createHash } from 'node:crypto';
import { type AppError, InvalidFieldsError } from '../../common/app-error.js';
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

/** A request with a key. */
export interface KeyedRequest {
  owner: string;
  key: string;
  request: unknown;
  /** Of the task that the request makes if it is the first with its key. */
  taskId: string;
}

/**
 * Claims the keys of requests for their tasks within `tx`. A request whose key another transaction is claiming waits
 * for that one to commit or roll back.
 *
 * @returns in order, the id of the task that has the key (`taskId` itself when it is new), or why it cannot be used:
 *   IdempotencyKeyReusedError, IdempotencyInProgressError
 */
export async function claimIdempotencyKeys(
  tx: Transaction,
  requests: KeyedRequest[],
): Promise<(string | AppError)[]> {
  const claims = requests.map(({ owner, key, request, taskId }) => ({
    owner,
    key,
    hash: createHash('sha256').update(canonicalJson(request)).digest('hex'),
    taskId,
  }));
  // In one order, so that two transactions never wait for each other.
  await tx.query(
    `INSERT INTO idempotency_keys (owner_id, key, request_hash, task_id)
     SELECT owner, key, decode(hash, 'hex'), "taskId"
       FROM jsonb_to_recordset($1) AS claim(owner uuid, key text, hash text, "taskId" uuid)
      ORDER BY owner, key, "taskId"
     ON CONFLICT DO NOTHING`,
    [JSON.stringify(claims)],
  );
  const found = await rows<{ owner: string; key: string; hash: string; taskId: string }>(
    tx,
    `SELECT owner_id AS owner, key, encode(request_hash, 'hex') AS hash, task_id AS "taskId"
       FROM idempotency_keys
      WHERE (owner_id, key) IN (
            SELECT owner, key FROM jsonb_to_recordset($1) AS claim(owner uuid, key text))`,
    [JSON.stringify(claims)],
  );
  const holders = new Map(found.map((row) => [`${row.owner} ${row.key}`, row]));
  return claims.map(({ owner, key, hash }) => {
    const holder = holders.get(`${owner} ${key}`);
    if (!holder) return new IdempotencyInProgressError();
    return holder.hash === hash ? holder.taskId : new IdempotencyKeyReusedError();
  });
}

/** Gives the keys of tasks that were refused back. */
export async function freeIdempotencyKeys(
  tx: Transaction,
  requests: KeyedRequest[],
): Promise<void> {
  await tx.query(
    `DELETE FROM idempotency_keys WHERE (owner_id, key, task_id) IN (
       SELECT owner, key, "taskId"
         FROM jsonb_to_recordset($1) AS claim(owner uuid, key text, "taskId" uuid))`,
    [JSON.stringify(requests.map(({ owner, key, taskId }) => ({ owner, key, taskId })))],
  );
}
