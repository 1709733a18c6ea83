import { DataSource } from 'typeorm';
import { dataSourceOptions, type Migrations } from './data-source.js';
import { rows } from './transaction.js';

/** An arbitrary lock number: processes that start together take turns. */
const migrationLock = 760_042_001;

/** A database and the migrations that its schema needs. */
export interface Schema {
  url: string;
  migrations: Migrations;
}

export interface MigrationStatus {
  name: string;
  ran: boolean;
}

/**
 * Brings the schema up to date. Safe to call from many processes at once.
 *
 * @param onEach called after each migration
 * @returns names of the migrations that were run
 */
export async function migrate(schema: Schema, onEach?: () => void): Promise<string[]> {
  return underLock(schema, async (database) => {
    if (onEach) database.migrations.forEach((migration) => tellAfter(migration, onEach));
    return (await database.runMigrations()).map((migration) => migration.name);
  });
}

/** Every migration of this version, oldest first. Changes nothing. */
export async function migrationStatus(schema: Schema): Promise<MigrationStatus[]> {
  return connected(schema, async (database) => {
    const [found] = await rows<{ there: boolean }>(
      database,
      `SELECT to_regclass('schema_migrations') IS NOT NULL AS there`,
    );
    const ran = found?.there
      ? await rows<{ name: string }>(database, 'SELECT name FROM schema_migrations')
      : [];
    const names = new Set(ran.map(({ name }) => name));
    return database.migrations
      .map((migration) => migration.name ?? migration.constructor.name)
      .map((name) => ({ name, ran: names.has(name) }));
  });
}

/**
 * Undoes the newest migration that was run. The data that only it can hold is lost.
 *
 * @returns its name; undefined when none was run
 */
export async function undoMigration(schema: Schema): Promise<string | undefined> {
  return underLock(schema, async (database) => {
    const newest = `SELECT name FROM schema_migrations ORDER BY timestamp DESC LIMIT 1`;
    const [found] = await rows<{ name: string }>(database, newest);
    if (found) await database.undoLastMigration({ transaction: 'each' });
    return found?.name;
  });
}

async function underLock<T>(
  schema: Schema,
  work: (database: DataSource) => Promise<T>,
): Promise<T> {
  return connected(schema, async (database) => {
    const lock = database.createQueryRunner();
    try {
      await lock.query('SELECT pg_advisory_lock($1)', [migrationLock]);
      return await work(database);
    } finally {
      await lock.release();
    }
  });
}

async function connected<T>(
  schema: Schema,
  work: (database: DataSource) => Promise<T>,
): Promise<T> {
  const database = await new DataSource(dataSourceOptions({ ...schema, poolSize: 2 })).initialize();
  try {
    return await work(database);
  } finally {
    await database.destroy();
  }
}

function tellAfter(migration: DataSource['migrations'][number], tell: () => void): void {
  const up = migration.up.bind(migration);
  migration.up = async (runner) => {
    await up(runner);
    tell();
  };
}
