import { DataSource } from 'typeorm';
import { dataSourceOptions } from './data-source.js';

/** Any number: processes that start together take turns on it. */
const migrationLock = 760_042_001;

/**
 * Brings the schema up to date. Safe to call from many processes at once.
 *
 * @returns names of the migrations that were run
 */
export async function migrate(url: string): Promise<string[]> {
  const database = await new DataSource(dataSourceOptions({ url, poolSize: 2 })).initialize();
  const lock = database.createQueryRunner();
  try {
    await lock.query('SELECT pg_advisory_lock($1)', [migrationLock]);
    return (await database.runMigrations()).map((migration) => migration.name);
  } finally {
    await lock.release();
    await database.destroy();
  }
}
