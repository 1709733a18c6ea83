import { Queue, Relay, Worker, createRedisRelayBackend, type RedisOptions } from 'bullmq';
import { Redis } from 'ioredis';
import {
  addressOf,
  type HintProcessor,
  type HintQueueOptions,
  type HintWorkerOptions,
  type QueueEngine,
} from './queue-engine.js';

const prefix = 'darkroom';

/** A producer would rather fail soon and leave the task to the reconciler than wait. */
const producer: RedisOptions = {
  enableOfflineQueue: false,
  maxRetriesPerRequest: 1,
  commandTimeout: 5_000,
  connectTimeout: 5_000,
  retryStrategy,
};

/** A worker waits for its Redis as long as it takes; BullMQ asks for no limit on retries. */
const consumer: RedisOptions = { maxRetriesPerRequest: null, connectTimeout: 5_000, retryStrategy };

function retryStrategy(attempt: number): number {
  return Math.min(100 * attempt, 2_000);
}

export class RedisQueueEngine implements QueueEngine {
  readonly name = 'redis';
  readonly address: string;
  private pinger: Redis | undefined;

  constructor(private readonly url: string) {
    this.address = addressOf(url);
  }

  async prepare(): Promise<void> {}

  createQueue(name: string, options: HintQueueOptions) {
    return new Queue(name, { ...options, prefix, connection: this.connection(producer) });
  }

  createWorker(name: string, processor: HintProcessor, options: HintWorkerOptions) {
    return new Worker(name, processor, {
      ...options,
      prefix,
      connection: this.connection(consumer),
    });
  }

  createRelay(): Relay<unknown> {
    return new Relay<unknown>({
      connection: this.connection(consumer),
      prefix,
      backend: createRedisRelayBackend as never,
    });
  }

  async ping(): Promise<void> {
    this.pinger ??= new Redis(this.url, { ...producer, enableOfflineQueue: true }).on(
      'error',
      () => {},
    );
    await this.pinger.ping();
  }

  async close(): Promise<void> {
    this.pinger?.disconnect();
  }

  private connection(options: RedisOptions): RedisOptions {
    return { ...options, url: this.url };
  }
}
