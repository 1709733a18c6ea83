import type { DataSourceOptions, MigrationInterface } from 'typeorm';
import { AfterCommitSubscriber } from './after-commit.js';
import { PreparingClient } from './preparing-client.js';

export interface DatabaseSettings {
  url: string;
  poolSize: number;
  entities?: (new () => object)[];
  /** Only for what changes the schema. */
  migrations?: Migrations;
}

/** Oldest first. Features have migrations too, so the roots hand the list down. */
export type Migrations = (new () => MigrationInterface)[];

/** Every wait on the database has an end; the numbers are milliseconds. */
const deadlines = {
  connectionTimeoutMillis: 5_000,
  statement_timeout: 30_000,
  // The client's own limit, because a frozen Postgres ends no statement. The connection is then destroyed.
  query_timeout: 35_000,
  lock_timeout: 10_000,
  idle_in_transaction_session_timeout: 30_000,
  idleTimeoutMillis: 30_000,
};

export function dataSourceOptions({
  url,
  poolSize,
  entities = [],
  migrations = [],
}: DatabaseSettings) {
  return {
    type: 'postgres',
    url,
    poolSize,
    applicationName: 'darkroom',
    extra: { ...deadlines, keepAlive: true, Client: PreparingClient },
    entities,
    subscribers: [AfterCommitSubscriber],
    migrations,
    migrationsTableName: 'schema_migrations',
    migrationsTransactionMode: 'each',
    // Darkroom makes the ids itself, so no extension is needed.
    installExtensions: false,
  } satisfies DataSourceOptions;
}
