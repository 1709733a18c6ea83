import { setTimeout as delay } from 'node:timers/promises';
import { isNativeError } from 'node:util/types';
import type { DataSource, EntityManager } from 'typeorm';
import { UnavailableError } from '../../common/app-error.js';
import { inRequestTime } from './request-deadline.js';

/** The caller's transaction, which `tasks.send` joins. */
export type Transaction = EntityManager;

/**
 * SQLSTATE classes and codes after which the same transaction may succeed if all of it runs again. After 25P03, 25P04
 * and 57P05 the server has ended a connection that waited for us: one of the two was held up.
 */
const again = /^(40001|40P01|57P0[1235]|25P0[34]|08|53300)/;
const attempts = 3;

/**
 * The server gave up a statement: it ran (57014) or waited for a lock (55P03) for too long. All of them do after
 * Postgres was frozen, but one that is simply too slow would each time: it is tried twice.
 */
const overTime = /^(57014|55P03)$/;
const overTimeAttempts = 2;

/** TypeORM's, when the connection ended in the middle of a transaction. */
const connectionLost = new Set([
  'QueryRunnerAlreadyReleasedError',
  'QueryRunnerProviderAlreadyReleasedError',
]);

/**
 * Runs `work` in one transaction, and all of it again after a serialization failure, a deadlock, a lost connection
 * or, once, a limit of time. `work` may therefore run more than once and must have no other effect.
 *
 * @throws UnavailableError when the database cannot be reached or its pool is exhausted
 */
export async function inTransaction<T>(
  database: DataSource,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  return retried(() => database.transaction(work));
}

/**
 * Runs statements that need no transaction of their own, with the same retry. The patience of a request covers all of
 * its statements together.
 *
 * @throws UnavailableError
 */
export function retried<T>(work: () => Promise<T>): Promise<T> {
  return inRequestTime(() => triedAgain(work));
}

/**
 * The rows of one statement outside of a transaction, sent again as {@link retried} does.
 *
 * @throws UnavailableError
 */
export function query<T>(
  database: DataSource,
  sql: string,
  parameters: unknown[] = [],
): Promise<T[]> {
  return retried(() => rows<T>(database, sql, parameters));
}

async function triedAgain<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isTransient(error)) throw error;
      if (attempt >= (isOverTime(error) ? overTimeAttempts : attempts)) {
        throw new UnavailableError('The database is not available just now.', error);
      }
      await delay(50 * attempt + Math.random() * 100);
    }
  }
}

/** Whether the server stopped the statement for its time. The connection is still good. Such an error is transient. */
export function isOverTime(error: unknown): boolean {
  return isNativeError(error) && overTime.test(String((error as { code?: unknown }).code));
}

/**
 * True when the error need not be the statement's fault: the connection or the server had trouble, or took too long.
 */
export function isTransient(error: unknown): boolean {
  if (!isNativeError(error)) return false;
  if (connectionLost.has(error.name)) return true;
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') {
    if (again.test(code) || overTime.test(code)) return true;
    if (/^(ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)$/.test(code)) return true;
  }
  return /Connection terminated|Query read timeout|connection timeout|timeout exceeded when trying to connect|not queryable/i.test(
    error.message,
  );
}

/** Rows of a statement; TypeORM answers UPDATE and DELETE with `[rows, count]`. */
export async function rows<T>(
  tx: EntityManager | DataSource,
  sql: string,
  parameters: unknown[] = [],
): Promise<T[]> {
  const answer: unknown = await tx.query(sql, parameters);
  if (!Array.isArray(answer)) return [];
  return (Array.isArray(answer[0]) && typeof answer[1] === 'number' ? answer[0] : answer) as T[];
}
