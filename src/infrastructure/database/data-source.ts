import type { DataSourceOptions } from 'typeorm';
import { AfterCommitSubscriber } from './after-commit.js';
import { PreparingClient } from './preparing-client.js';
import { Tasks1763700000000 } from './migrations/1763700000000-tasks.js';
import { Accounts1763700001000 } from './migrations/1763700001000-accounts.js';
import { Images1763700002000 } from './migrations/1763700002000-images.js';
import { Canvas1763700003000 } from './migrations/1763700003000-canvas.js';
import { Schedules1763700004000 } from './migrations/1763700004000-schedules.js';
import { Workers1763700005000 } from './migrations/1763700005000-workers.js';
import { Limits1763700006000 } from './migrations/1763700006000-limits.js';
import { Crashes1763700010000 } from './migrations/1763700010000-crashes.js';
import { FinishedByName1763700011000 } from './migrations/1763700011000-finished-by-name.js';
import { Snoozes1763700012000 } from './migrations/1763700012000-snoozes.js';

export interface DatabaseSettings {
  url: string;
  poolSize: number;
  entities?: (new () => object)[];
}

/** Every wait on the database has an end; the numbers are milliseconds. */
const deadlines = {
  connectionTimeoutMillis: 5_000,
  statement_timeout: 30_000,
  // Of the client itself: a Postgres that is frozen ends no statement. The connection is destroyed then.
  query_timeout: 35_000,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: 30_000,
  idleTimeoutMillis: 30_000,
};

export function dataSourceOptions({ url, poolSize, entities = [] }: DatabaseSettings) {
  return {
    type: 'postgres',
    url,
    poolSize,
    applicationName: 'darkroom',
    extra: { ...deadlines, keepAlive: true, Client: PreparingClient },
    entities,
    subscribers: [AfterCommitSubscriber],
    migrations: [
      Tasks1763700000000,
      Accounts1763700001000,
      Images1763700002000,
      Canvas1763700003000,
      Schedules1763700004000,
      Workers1763700005000,
      Limits1763700006000,
      Crashes1763700010000,
      FinishedByName1763700011000,
      Snoozes1763700012000,
    ],
    migrationsTableName: 'schema_migrations',
    migrationsTransactionMode: 'each',
    // Ids are made by us; no extension is needed.
    installExtensions: false,
  } satisfies DataSourceOptions;
}
