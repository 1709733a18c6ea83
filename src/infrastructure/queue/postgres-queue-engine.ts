import { Queue, Relay, Worker, runMigrations, type PostgresPoolConfig } from 'bullmq';
import { Pool, type PoolClient } from 'pg';
import { SteadyClient } from '../database/steady-client.js';
import { steadyBackend, steadyRelayBackend } from './steady-backend.js';
import {
  addressOf,
  type HintProcessor,
  type HintQueue,
  type HintQueueOptions,
  type HintWorker,
  type HintWorkerOptions,
  type QueueEngine,
} from './queue-engine.js';

/** BullMQ keeps its tables apart from ours and migrates them itself. */
const schema = 'bullmq';

/**
 * Every five seconds BullMQ takes back its marks on running hints, and has no index for them: it would
 * read all hints that wait (a million: 1.8 s on a busy machine).
 */
const stalledIndex = 'darkroom_job_stalled_marked';

export class PostgresQueueEngine implements QueueEngine {
  readonly name = 'postgres';
  readonly address: string;
  private readonly pool: Pool;

  constructor(private readonly url: string) {
    this.address = addressOf(url);
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

  createQueue(name: string, options: HintQueueOptions): HintQueue {
    return new Queue(
      name,
      { ...options, connection: this.connection(2) },
      steadyBackend,
    ) as unknown as HintQueue;
  }

  createWorker(name: string, processor: HintProcessor, options: HintWorkerOptions): HintWorker {
    const connections = Math.min(2 + (options.concurrency ?? 1), 10);
    return new Worker(
      name,
      processor as never,
      { ...options, connection: this.connection(connections) },
      steadyBackend,
    ) as unknown as HintWorker;
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

/** Looks first: even when it is there, CREATE INDEX would wait for everybody who writes. */
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
