import { Relay, runMigrations, type PostgresPoolConfig } from 'bullmq';
import { Pool, type PoolClient } from 'pg';
import { SteadyClient } from '../database/steady-client.js';
import { steadyRelayBackend } from './steady-backend.js';
import { addressOf, type QueueEngine } from './queue-engine.js';

/** BullMQ's tables are in a schema of their own, and BullMQ migrates them itself. */
const schema = 'bullmq';

/**
 * Every five seconds BullMQ resets its marks on running hints. It has no index for them, so it would read all waiting
 * hints (a million: 1.8 s on a busy machine).
 */
const stalledIndex = 'darkroom_job_stalled_marked';

/** Of one queue or worker; they are opened as they are needed. */
const mostConnections = 10;

export class PostgresQueueEngine implements QueueEngine {
  readonly name = 'postgres';
  readonly address: string;
  readonly options;
  private readonly pool: Pool;

  constructor(private readonly url: string) {
    this.address = addressOf(url);
    this.options = { connection: this.connection(mostConnections) };
    this.pool = new Pool({ ...this.connection(1), max: 1 }).on('error', () => {});
  }

  async prepare(): Promise<void> {
    const client = await this.pool.connect();
    try {
      await runMigrations(client, schema);
      await addStalledIndex(client);
    } finally {
      client.release();
    }
  }

  createRelay(): Relay<unknown> {
    return new Relay<unknown>({
      connection: this.connection(2),
      backend: steadyRelayBackend as never,
    });
  }

  async ping(): Promise<void> {
    await this.pool.query('SELECT 1');
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  private connection(max: number): PostgresPoolConfig {
    return {
      connectionString: this.url,
      schema,
      max,
      connectionTimeoutMillis: 5_000,
      statement_timeout: 30_000,
      query_timeout: 35_000,
      application_name: 'darkroom-queue',
      keepAlive: true,
      Client: SteadyClient,
    };
  }
}

/** Checks first: even if the index exists, CREATE INDEX would wait for every open write. */
async function addStalledIndex(client: PoolClient): Promise<void> {
  await client.query('BEGIN');
  try {
    await client.query(`SELECT pg_advisory_xact_lock(hashtext($1))`, [stalledIndex]);
    const { rows } = await client.query<{ there: boolean }>(
      `SELECT to_regclass($1) IS NOT NULL AS there`,
      [`${schema}.${stalledIndex}`],
    );
    if (!rows[0]!.there) {
      await client.query(
        `CREATE INDEX ${stalledIndex} ON ${schema}.job (queue) WHERE stalled_marked`,
      );
    }
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw error;
  }
}
