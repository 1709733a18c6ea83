import type { DataSource } from 'typeorm';

/** SQL: a moment as milliseconds of the wall clock, which the machine's processes share with Postgres. */
export function msOf(moment: string): string {
  return `extract(epoch FROM ${moment})::float8 * 1000`;
}

/** Now, by the database's clock, milliseconds. */
export async function databaseNow(database: DataSource): Promise<number> {
  const [row] = await database.query(`SELECT ${msOf('clock_timestamp()')} AS now`);
  return row.now;
}
