import { openDatabase, openRedis, type Store } from './stores.js';

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
