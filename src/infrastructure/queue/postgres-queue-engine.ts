import { Queue, Relay, Worker, runMigrations, type PostgresPoolConfig } from 'bullmq';
import { Pool } from 'pg';
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
      application_name: 'darkroom-queue',
      keepAlive: true,
      Client: SteadyClient,
    };
  }
}
