import { escapeLiteral, type Client } from 'pg';
import { SteadyClient } from '../database/steady-client.js';
import type { Credentials } from './data-folder.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';

/** Runs at each start, because an earlier one may have been interrupted. */
export async function prepareDatabase(
  port: number,
  credentials: Credentials,
  database: string,
): Promise<void> {
  const admin = await connect(port, credentials.adminPassword);
  try {
    const role = await admin.query(`SELECT FROM pg_roles WHERE rolname = 'darkroom'`);
    if (role.rowCount === 0) await admin.query(createRole(credentials.password));
    const found = await admin.query('SELECT FROM pg_database WHERE datname = $1', [database]);
    if (found.rowCount === 0) {
      await admin.query(`CREATE DATABASE ${admin.escapeIdentifier(database)} OWNER darkroom`);
    }
  } finally {
    await admin.end();
  }
}

/**
 * Not a superuser: as one, injected SQL could write files and run programs, and where Darkroom runs
 * as root Postgres has root's rights to files. The log would show a failed statement with its password.
 */
const createRole = (password: string) => `
  SET log_min_error_statement = panic;
  CREATE ROLE darkroom LOGIN CREATEDB PASSWORD ${escapeLiteral(password)};
  GRANT pg_monitor, pg_signal_backend TO darkroom;
`;

async function connect(port: number, password: string): Promise<Client> {
  const client = new SteadyClient({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    password,
    database: 'postgres',
    ssl: false,
    connectionTimeoutMillis: 10_000,
    statement_timeout: 30_000,
    query_timeout: 35_000,
  });
  try {
    await client.connect();
    return client;
  } catch (error) {
    if ((error as { code?: string }).code !== '28P01') throw error;
    throw new EmbeddedPostgresError(
      'data_folder_damaged',
      'The passwords in credentials.json are not those of the embedded Postgres beside it: restore the file from a backup.',
      error,
    );
  }
}
