import { describe } from 'node:test';
import { hasRedis, openDatabase, openRedis, type Store } from './stores.js';

export type QueueEngineName = 'postgres' | 'redis';

/** What a Darkroom of one test keeps its data in. */
export interface TestStores {
  databaseUrl: string;
  /** Undefined: the queue lives in the database. */
  queueUrl: string | undefined;
  close(): Promise<void>;
}

export async function openStores(engine: QueueEngineName): Promise<TestStores> {
  const database = await openDatabase();
  const queue: Store | undefined = engine === 'redis' ? await openRedis() : undefined;
  return {
    databaseUrl: database.url,
    queueUrl: queue?.url,
    close: async () => {
      await database.close();
      await queue?.close();
    },
  };
}

/** The same suite on both queue engines. */
export function onBothQueueEngines(
  name: string,
  suite: (engine: QueueEngineName) => void,
  options: { concurrency?: boolean } = {},
): void {
  describe(`${name}, queue in Postgres`, options, () => suite('postgres'));
  const skip = hasRedis ? false : 'no Redis: see the last line of the output';
  describe(`${name}, queue in Redis`, { ...options, skip }, () => suite('redis'));
}
