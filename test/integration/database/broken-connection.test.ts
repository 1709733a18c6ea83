import { expect, it } from '@jest/globals';
import { atTestEnd } from '../../support/at-test-end.js';
import { Pool } from 'pg';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../../../src/infrastructure/database/data-source.js';
import { SteadyClient } from '../../../src/infrastructure/database/steady-client.js';
import { eventually } from '../../support/eventually.js';
import { openDatabase } from '../../support/stores.js';

it('a connection that breaks between two queries fails the next one, not the process', async () => {
  const store = await openDatabase();
  atTestEnd(() => store.close());
  const options = dataSourceOptions({ url: store.url, poolSize: 2 });
  const database = await new DataSource(options).initialize();
  atTestEnd(() => database.destroy());
  const pool = new Pool({ connectionString: store.url, Client: SteadyClient });
  pool.on('error', () => {});
  atTestEnd(() => pool.end());
  const client = await pool.connect();
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  const { pid } = rows[0] as { pid: number };
  await database.query('SELECT pg_terminate_backend($1)', [pid]);
  await eventually('the backend is gone', async () => {
    const left = await database.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid]);
    return left.length === 0;
  });
  await expect(client.query('SELECT 1')).rejects.toThrow();
  client.release(true);
});
