import type { ConnectionOptions, RedisOptions } from 'bullmq';

/** For producers: fail soon and leave the task to the reconciler instead of waiting. */
const producer: RedisOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout: 5_000,
  connectTimeout: 5_000,
  retryStrategy,
};

/** For workers: wait for Redis without a limit. BullMQ requires that retries have none. */
const consumer: RedisOptions = { maxRetriesPerRequest: null, connectTimeout: 5_000, retryStrategy };

function retryStrategy(attempt: number): number {
  return Math.min(100 * attempt, 2_000);
}

/** The connection of a queue that sends. */
export function producing(url: string): RedisOptions {
  return { ...producer, url };
}

/** The same store for a worker. For Postgres there is no difference. */
export function consuming(connection: ConnectionOptions): ConnectionOptions {
  return isRedis(connection) ? { ...consumer, url: connection.url } : connection;
}

export function isRedis(
  connection: ConnectionOptions,
): connection is RedisOptions & { url: string } {
  return 'url' in connection;
}
